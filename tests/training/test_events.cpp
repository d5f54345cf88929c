#include <boost/test/unit_test.hpp>
#include <set>

#include "runtime/core/crc32c.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/tensorboard/event_file.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;
namespace fs = std::filesystem;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

std::vector<fs::path> files(const fs::path& folder) {
  std::set<fs::path> sorted;
  for (const auto& entry : fs::directory_iterator(folder)) sorted.insert(entry.path());
  return {sorted.begin(), sorted.end()};
}

// Step and first tag of every record of a file.
std::vector<std::pair<std::int64_t, std::string>> events(const fs::path& path) {
  const std::string file = require(core::read_file(path, 1 << 20));
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::string_view rest = file;
  while (!rest.empty()) {
    BOOST_TEST_REQUIRE(rest.size() >= training::kFrameHead + training::kFrameTail);
    const auto length = training::framed_length(rest.substr(0, training::kFrameHead));
    BOOST_TEST_REQUIRE(length.has_value());
    const std::string_view payload = rest.substr(training::kFrameHead, *length);
    BOOST_TEST(
        (training::frame(payload) == rest.substr(0, training::kFrameHead + *length + training::kFrameTail)));
    const auto key = training::read_event(payload);
    BOOST_TEST_REQUIRE(key.has_value());
    found.emplace_back(key->step, key->tag);
    rest.remove_prefix(training::kFrameHead + *length + training::kFrameTail);
  }
  return found;
}

using Events = std::vector<std::pair<std::int64_t, std::string>>;

}  // namespace

// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
BOOST_AUTO_TEST_CASE(crcs_are_those_of_the_standard) {
  BOOST_TEST(core::crc32c("") == 0u);
  BOOST_TEST(core::crc32c("123456789") == 0xE3069283u);
  BOOST_TEST(core::crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  BOOST_TEST(core::crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
}

// Bytes that TensorBoard's own writers give.
BOOST_AUTO_TEST_CASE(records_and_messages_are_tensorboards) {
  BOOST_TEST((training::frame("graphrun") == bytes("0800000000000000ff86240f677261706872756e570dd358")));
  BOOST_TEST((training::scalar_event(1.5, 300, std::array{training::Scalar{"loss", 0.25}}) ==
              bytes("09000000000000f83f10ac022a0d0a0b0a046c6f7373150000803e")));
  BOOST_TEST((training::restart_event(1.5, 7) == bytes("09000000000000f83f10073a020801")));
  BOOST_TEST((training::image_event(1.5, 7, "p", 2, 3, "png") ==
              bytes("09000000000000f83f10072a120a100a0170220b0802100318032203706e67")));
}

BOOST_AUTO_TEST_CASE(a_resumed_run_goes_on_in_a_later_file_without_what_it_does_again) {
  const Scratch run;
  const auto point = [](training::EventFile& file, std::int64_t step) {
    require(file.scalars(step, std::array{training::Scalar{"a", 1.0}, training::Scalar{"b", 2.0}}));
  };
  {
    const auto file = require(training::EventFile::create(run.path(), 0));
    for (const std::int64_t step : {1, 2, 3, 4}) point(*file, step);
  }
  const fs::path first = files(run.path()).at(0);
  fs::resize_file(first, fs::file_size(first) - 3);  // killed while it wrote
  require(training::cut_event_files(
      run.path(), [](const training::EventKey& event) { return event.tag == "a" && event.step > 2; }));
  BOOST_TEST((events(first) == Events{{0, ""}, {1, "a"}, {2, "a"}}));
  for (int i = 0; i < 2; ++i) point(*require(training::EventFile::create(run.path(), 3)), 3);
  const auto all = files(run.path());
  BOOST_TEST_REQUIRE(all.size() == 3u);
  BOOST_TEST((all[0] == first));
  BOOST_TEST((events(all[2]) == Events{{0, ""}, {3, ""}, {3, "a"}}));
}

BOOST_AUTO_TEST_CASE(event_files_that_are_none_are_cut_not_believed) {
  for (const std::string& content :
       {std::string("short"), std::string(100, '\xff'), training::frame(std::string(20, '\xff')),
        training::frame("\x2a\x7f"), bytes("ffffffffffffffff") + std::string(20, 'x'),
        training::frame(training::scalar_event(1, 1, std::array{training::Scalar{"a", 1.0}}))
            .replace(training::kFrameHead, 1, "\x08")}) {
    const Scratch run;
    const fs::path path = run / "events.out.tfevents.9999999999999999999.host.1";
    require(core::write_file(path, content));
    require(training::cut_event_files(run.path(), [](const training::EventKey&) { return false; }));
    BOOST_TEST(fs::file_size(path) == 0u);
    require(training::EventFile::create(run.path(), 0));
    BOOST_TEST(files(run.path()).size() == 2u);
  }
}

BOOST_AUTO_TEST_CASE(event_files_are_cut_within_their_folder_and_within_memory) {
  const Scratch run, elsewhere;
  require(core::write_file(elsewhere / "mine", "no event"));
  fs::create_symlink(elsewhere / "mine", run / "events.out.tfevents.1.host.1");
  // A payload as long as a file with holes.
  constexpr std::uint64_t kLength = std::uint64_t{1} << 40;
  std::string head = training::frame("").substr(0, 8);
  for (std::size_t i = 0; i < 8; ++i) head[i] = static_cast<char>(kLength >> (8 * i) & 0xff);
  const std::uint32_t crc = core::crc32c(head);
  const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
  for (int i = 0; i < 4; ++i) head.push_back(static_cast<char>(masked >> (8 * i) & 0xff));
  BOOST_TEST_REQUIRE(training::framed_length(head).value() == kLength);
  const fs::path sparse = run / "events.out.tfevents.2.host.1";
  require(core::write_file(sparse, head));
  std::error_code error;
  fs::resize_file(sparse, kLength + training::kFrameHead + training::kFrameTail, error);
  require(training::cut_event_files(run.path(), [](const training::EventKey&) { return false; }));
  BOOST_TEST(fs::file_size(sparse) == 0u);
  BOOST_TEST(require(core::read_file(elsewhere / "mine", 100)) == "no event");
}
