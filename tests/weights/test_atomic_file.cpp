#include "runtime/core/atomic_file.h"

#include <boost/test/unit_test.hpp>

#include "runtime/core/mapped_file.h"
#include "tests/weights/files.h"

namespace graphrun::test {

BOOST_AUTO_TEST_SUITE(atomic_file)

BOOST_AUTO_TEST_CASE(the_old_file_stays_until_commit) {
  const Scratch scratch;
  const std::string path = scratch / "a";
  write(path, "old");
  {
    core::AtomicFile file = ok(core::AtomicFile::create(path));
    ok(file.write("new "));
    BOOST_TEST(read(path) == "old");
    core::AtomicFile moved = std::move(file);
    ok(moved.write("content"));
    ok(moved.commit());
  }
  BOOST_TEST(read(path) == "new content");
  BOOST_TEST(scratch.files() == 1);
}

BOOST_AUTO_TEST_CASE(without_commit_nothing_remains) {
  const Scratch scratch;
  {
    core::AtomicFile one = ok(core::AtomicFile::create(scratch / "a"));
    core::AtomicFile two = ok(core::AtomicFile::create(scratch / "a"));
    ok(one.write("half"));
    BOOST_TEST(scratch.files() == 2);
  }
  BOOST_TEST(scratch.files() == 0);
}

BOOST_AUTO_TEST_CASE(devices_and_missing_folders_are_refused) {
  const Scratch scratch;
  check_contains(error_of(core::AtomicFile::create("/dev/null")), "/dev/null: is not a regular file");
  check_contains(error_of(core::AtomicFile::create(scratch / "no/file")), "No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_mapping_sees_the_bytes_and_outlives_a_replacement) {
  const Scratch scratch;
  write(scratch / "a", "content");
  const auto mapped = ok(core::MappedFile::open(scratch / "a"));
  core::AtomicFile file = ok(core::AtomicFile::create(scratch / "a"));
  ok(file.commit());
  BOOST_TEST(std::string(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()) ==
             "content");
  BOOST_TEST(ok(core::MappedFile::open(scratch / "a"))->bytes().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
