#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "tests/core/failing_calls.h"

using namespace graphrun;
namespace fs = std::filesystem;

namespace {

class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "graphrun_XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(path); }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(path), fs::directory_iterator());
  }
  fs::path path;
};

Status replace(const fs::path& path, core::Sync sync = core::Sync::now) {
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path.string()));
  for (const char* part : {"new ", "content"}) GRAPHRUN_TRY(file.write(part));
  return file.commit(sync);
}

std::string content(const fs::path& path) {
  const Result<std::string> text = core::read_file(path, 100);
  BOOST_REQUIRE(text.ok());
  return *text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_call_that_fails_is_an_error_and_leaves_one_whole_file) {
  using test::Call;
  for (const Call call : {Call::open, Call::write, Call::fsync, Call::close, Call::rename}) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EROFS}) {
      bool failed = true;
      for (int number = 0; failed; ++number) {
        const Scratch scratch;
        const fs::path path = scratch.path / "checkpoint";
        std::ofstream(path) << "old";
        Status status;
        {
          const test::FailingCall failing(call, number, error);
          status = replace(path);
          failed = failing.has_failed();
        }
        BOOST_TEST_CONTEXT("call " << static_cast<int>(call) << " number " << number << " error " << error) {
          BOOST_TEST(scratch.files() == 1);
          // Descriptors that have nothing to lose are closed without a look at what that says.
          const bool told = call != Call::close || number == 0;
          if (failed && told) {
            BOOST_TEST(!status.ok());
            const bool written = status.message().find("is written") != std::string::npos;
            BOOST_TEST(content(path) == (written ? "new content" : "old"));
          } else {
            BOOST_TEST(status.ok());
            BOOST_TEST(content(path) == "new content");
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(files_that_are_synced_later_are_whole_too) {
  using test::Call;
  for (const Call call : {Call::open, Call::write, Call::close, Call::rename}) {
    const Scratch scratch;
    const fs::path path = scratch.path / "picture";
    std::ofstream(path) << "old";
    {
      const test::FailingCall failing(call, 0, ENOSPC);
      BOOST_TEST(!replace(path, core::Sync::later).ok());
      BOOST_TEST(failing.has_failed());
    }
    BOOST_TEST(content(path) == "old");
    BOOST_TEST(replace(path, core::Sync::later).ok());
    BOOST_TEST(content(path) == "new content");
    BOOST_TEST(core::sync_file_system(scratch.path.string()).ok());
    BOOST_TEST(scratch.files() == 1);
  }
}

BOOST_AUTO_TEST_CASE(short_and_interrupted_writes_are_continued) {
  for (const int error : {0, EINTR}) {
    const Scratch scratch;
    const test::FailingCall failing(test::Call::write, 0, error);
    BOOST_TEST(replace(scratch.path / "file").ok());
    BOOST_TEST(failing.has_failed());
    BOOST_TEST(content(scratch.path / "file") == "new content");
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_may_be_written_but_not_read_takes_a_file) {
  const Scratch scratch;
  BOOST_REQUIRE(::chmod(scratch.path.c_str(), 0333) == 0);
  const Status status = replace(scratch.path / "file");
  BOOST_REQUIRE(::chmod(scratch.path.c_str(), 0755) == 0);
  BOOST_TEST(status.ok());
  BOOST_TEST(content(scratch.path / "file") == "new content");
}

BOOST_AUTO_TEST_CASE(new_folders_are_durable_one_after_the_other) {
  const Scratch scratch;
  {
    const test::FailingCall failing(test::Call::fsync, 1, EIO);
    BOOST_TEST(!core::make_folders((scratch.path / "exp/camvid/net").string()).ok());
    BOOST_TEST(failing.has_failed());
  }
  BOOST_TEST(core::make_folders((scratch.path / "exp/camvid/net").string()).ok());
  BOOST_TEST(core::make_folders((scratch.path / "exp/camvid/net/").string()).ok());
  BOOST_TEST(fs::is_directory(scratch.path / "exp/camvid/net"));
  std::ofstream(scratch.path / "file") << "x";
  BOOST_TEST(!core::make_folders((scratch.path / "file").string()).ok());
}

BOOST_AUTO_TEST_CASE(what_dead_writers_left_is_removed_and_nothing_else) {
  const Scratch scratch;
  const std::string own = std::to_string(::getpid());
  constexpr std::array kStale{"epoch_3.safetensors.4194305.0.tmp", "a.4194305.12.tmp",
                              "v.mp4.4194305.0.tmp.mp4"};
  const std::array<std::string, 5> kept{"epoch_3.safetensors", "a." + own + ".0.tmp", "notes.tmp",
                                        "a.4194305.tmp", "a.4194305.x.tmp"};
  for (const auto& name : kStale) std::ofstream(scratch.path / name) << "x";
  for (const auto& name : kept) std::ofstream(scratch.path / name) << "x";
  core::remove_stale_temporaries(scratch.path.string());
  for (const auto& name : kStale) BOOST_TEST(!fs::exists(scratch.path / name));
  for (const auto& name : kept) BOOST_TEST(fs::exists(scratch.path / name), name);
}
