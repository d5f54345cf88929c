#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/weights/pickle.h"
#include "runtime/weights/tensor_table.h"
#include "tests/weights/files.h"

// Damaged files end in an error or in consistent tensors; the address sanitizer sees every byte read beyond
// them.
namespace graphrun::test {
namespace {

std::vector<std::string> golden_files() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(golden(""))) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".pth" || extension == ".safetensors") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  BOOST_REQUIRE(paths.size() > 10);
  return paths;
}

// Reads from memory of exactly this size; returns whether there was no error.
bool survives(const std::string& bytes) {
  const std::unique_ptr<std::byte[]> memory(new std::byte[bytes.size()]);
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  const auto table = weights::read_tensors({memory.get(), bytes.size()});
  if (!table.ok()) {
    BOOST_TEST(!table.status().message().empty());
    return false;
  }
  unsigned sum = 0;
  for (const weights::NamedTensor& each : table->tensors) {
    BOOST_TEST(static_cast<std::int64_t>(each.bytes.size()) == each.desc.bytes());
    for (const std::byte byte : each.bytes) sum += static_cast<unsigned>(byte);
  }
  BOOST_TEST(sum < UINT_MAX);
  return true;
}

std::string legacy_with(const std::string& pickle) {
  const std::string plain = read(golden("legacy_plain.pth"));
  return plain.substr(0, plain.find("\x80\x02", plain.find("type_sizes"))) + pickle;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile_files)

BOOST_AUTO_TEST_CASE(every_truncation_is_an_error) {
  for (const std::string& path : golden_files()) {
    const std::string whole = read(path);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      BOOST_TEST(!survives(whole.substr(0, length)), path << " cut to " << length);
    }
  }
}

BOOST_AUTO_TEST_CASE(bit_flips_never_crash) {
  std::mt19937 random(1);
  const std::vector<std::string> paths = golden_files();
  std::size_t survivors = 0;
  for (std::size_t i = 0; i < 20000; ++i) {
    std::string bytes = read(paths[i % paths.size()]);
    for (std::size_t flips = 1 + random() % 3; flips > 0; --flips) {
      char& byte = bytes[random() % bytes.size()];
      byte = static_cast<char>(byte ^ (1 << (random() % 8)));
    }
    survivors += survives(bytes) ? 1 : 0;
  }
  BOOST_TEST_MESSAGE(survivors << " of 20000 damaged files still hold tensors");
}

BOOST_AUTO_TEST_CASE(pickles_cannot_exhaust_memory) {
  const auto refused = [](const std::string& pickle, const std::string& why) {
    check_contains(error_of(weights::read_pickle(std::as_bytes(std::span(pickle)))), why);
  };
  const std::string proto = "\x80\x02";
  refused(proto + std::string(3'000'000, ']'), "far larger than their file");
  refused(proto + std::string(3'000'000, 'N'), "truncated");
  refused(proto + std::string(1'000'000, '('), "too many marks");
  refused(proto + "Nr\xff\xff\xff\x7f.", "the memo's numbers are not consecutive");
  refused(proto + "X\xff\xff\xff\xff", "truncated");
  refused(proto + "\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "truncated");
  refused(proto + "j\xff\xff\xff\xff.", "nothing was memorised");
  refused(proto + "(1.", "the stack is empty");
  refused(proto + "](Na(.", "an operand of a wrong kind");
  refused(proto + "}(Nu.", "a key without a value");
  refused("\x80\x01N.", "protocol 1");
  refused(proto + "i", "operation 105");
  // An OrderedDict made again and again from one long list.
  std::string again = proto + "ccollections\nOrderedDict\nq\1](";
  for (int i = 0; i < 60000; ++i) again += "NN\x86";
  again += "e\x85q\2";
  for (int i = 0; i < 1000; ++i) again += "h\1h\2R";
  refused(again + ".", "far larger than their file");
}

// Each of the dictionary's entries is four bytes of the file, and a name of 1024 in memory where it is kept.
BOOST_AUTO_TEST_CASE(an_entry_that_is_repeated_is_kept_once) {
  using namespace std::string_literals;
  const std::string name(1024, 'a');
  std::string pickle = "\x80\x02X\0\4\0\0"s + name + "q\0"s + "0";
  pickle += "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"s;
  pickle += "0X\3\0\0\0cpuK\1tQK\0K\1\x85K\1\x85\x89}tRq\1"s + "0}(";
  for (int i = 0; i < 200'000; ++i) pickle += "h\0h\1"s;
  const std::string storage = "\x80\x02]X\1\0\0\0"s + "0a." + "\1\0\0\0\0\0\0\0"s + "abcd";
  const std::string file = legacy_with(pickle + "u." + storage);
  const auto table = weights::read_tensors(std::as_bytes(std::span(file)));
  BOOST_REQUIRE_MESSAGE(table.ok(), (table.ok() ? "" : table.status().message()));
  BOOST_REQUIRE(table->tensors.size() == 1u);
  BOOST_TEST(table->tensors[0].name == name);
}

BOOST_AUTO_TEST_CASE(a_cycle_is_harmless) {
  const std::string pickle = std::string("\x80\x02}q\0X\1\0\0\0ah\0s.", 16);
  const auto result = weights::read_pickle(std::as_bytes(std::span(pickle)));
  BOOST_TEST(result.ok());
  BOOST_TEST(!survives(legacy_with(pickle)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
