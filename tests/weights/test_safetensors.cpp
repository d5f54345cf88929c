#include "runtime/weights/safetensors.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/weights/files.h"

namespace graphrun::test {
namespace {

const TensorDesc kTwoFloats = TensorDesc::dense(DType::f32, {2});

// A file with this header and `data` bytes behind it.
std::string file_of(const std::string& header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header +
         std::string(data, '\1');
}

std::string error_for(const std::string& header, std::size_t data) {
  const std::string bytes = file_of(header, data);
  return error_of(weights::read_safetensors(std::as_bytes(std::span(bytes))));
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors)

BOOST_AUTO_TEST_CASE(reads_what_the_python_package_wrote) {
  const auto file = ok(weights::TensorFile::open(golden("plain.safetensors")));
  const std::vector<std::string> expected{"f16", "f64", "i32", "i64", "scalar", "u8", "weight"};
  BOOST_TEST(names(*file) == expected, boost::test_tools::per_element());
  BOOST_TEST((file->metadata() == std::map<std::string, std::string>{{"made by", "safetensors"}}));
  check_f32(*file, "weight", {2, 3}, ramp(6, 1));
  check_f32(*file, "scalar", {}, {2.5});
  BOOST_TEST(values<std::int64_t>(tensor(*file, "i64")) == (std::vector<std::int64_t>{-1, 0, 0}),
             boost::test_tools::per_element());
  BOOST_TEST(values<double>(tensor(*file, "f64")) == (std::vector<double>{-1, -0.5, 0}),
             boost::test_tools::per_element());
  BOOST_TEST(file->find("none") == nullptr);
}

BOOST_AUTO_TEST_CASE(round_trip_with_metadata) {
  const Scratch scratch;
  const std::vector<float> weight = ramp(6, -1);
  const std::vector<std::int64_t> counter{1LL << 40};
  const std::vector<std::uint8_t> state{1, 2, 3};
  const std::vector<weights::NamedTensor> tensors{
      named("weight \"\xc3\xa4\"\n", {2, 3}, weight), named("counter", {}, counter),
      named("state", {3}, state), named("none", {0, 2}, std::vector<double>{}), named("after", {6}, weight)};
  const std::map<std::string, std::string> metadata{{"iter", "12"}, {"text", "a \"b\"\n"}};
  ok(weights::write_safetensors(scratch / "a.safetensors", tensors, metadata));

  const auto file = ok(weights::TensorFile::open(scratch / "a.safetensors"));
  BOOST_TEST((file->metadata() == metadata));
  BOOST_TEST(file->tensors().size() == tensors.size());
  check_f32(*file, "weight \"\xc3\xa4\"\n", {2, 3}, weight);
  check_f32(*file, "after", {6}, weight);
  BOOST_TEST(values<std::int64_t>(tensor(*file, "counter")) == counter, boost::test_tools::per_element());
  BOOST_TEST(values<std::uint8_t>(tensor(*file, "state")) == state, boost::test_tools::per_element());
  BOOST_TEST((tensor(*file, "none").desc == TensorDesc::dense(DType::f64, {0, 2})));
  for (const weights::NamedTensor& each : file->tensors()) {
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(each.bytes.data()) % size_of(each.desc.dtype) == 0);
  }
  BOOST_TEST(scratch.files() == 1);
}

BOOST_AUTO_TEST_CASE(writer_refuses_what_no_reader_would_take) {
  const Scratch scratch;
  const std::string path = scratch / "a.safetensors";
  const std::vector<float> two{1, 2};
  const auto attempt = [&](const std::vector<weights::NamedTensor>& tensors) {
    return error_of(weights::write_safetensors(path, tensors, {}));
  };
  check_contains(attempt({named("w", {2}, two), named("w", {2}, two)}), "'w' is taken");
  check_contains(attempt({named("__metadata__", {2}, two)}), "is taken");
  check_contains(attempt({named("w", {3}, two)}), "too few or many bytes");
  check_contains(attempt({named("\xff", {2}, two)}), "not UTF-8");
  check_contains(attempt({named("a name as long as its memory \xe2", {2}, two)}), "not UTF-8");
  check_contains(error_of(weights::write_safetensors(scratch / "no/a", {}, {})), "No such file");
  BOOST_TEST(scratch.files() == 0);
}

BOOST_AUTO_TEST_CASE(every_rule_of_the_format_is_checked) {
  const std::string a = entry("a", "F32", "[2]", "[0,8]");
  const std::string good = file_of("{" + a + "}", 8);
  const auto table = ok(weights::read_safetensors(std::as_bytes(std::span(good))));
  BOOST_TEST((table.tensors.at(0).desc == kTwoFloats));

  check_contains(error_for("{" + a + "}", 7), "truncated");
  check_contains(error_for("{" + a + "}", 9), "after the last tensor");
  check_contains(error_for("{" + a + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12),
                 "'b' starts at byte 4 instead of 8");
  check_contains(error_for("{" + a + "," + entry("b", "F32", "[2]", "[12,20]") + "}", 20),
                 "'b' starts at byte 12 instead of 8");
  check_contains(error_for("{" + entry("a", "F32", "[3]", "[0,8]") + "}", 8),
                 "are not a F32 tensor of shape (3)");
  check_contains(error_for("{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8), "are not a F32 tensor");
  const std::string f8 = file_of("{" + entry("a", "F8_E4M3", "[8]", "[0,8]") + "}", 8);
  check_contains(error_of(weights::read_tensors(std::as_bytes(std::span(f8)))),
                 "tensor 'a' is of type F8_E4M3");
  check_contains(error_for("{" + entry("a", "F32", "[4294967296,4294967296]", "[0,8]") + "}", 8),
                 "tensor 'a'");
  check_contains(error_for("{" + entry("a", "F32", "[-2]", "[0,8]") + "}", 8), "unexpected type at 'a'");
  check_contains(error_for("{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8), "unexpected type at 'a'");
  check_contains(error_for("{" + entry("a", "F32", "[1,1,1,1,1,1,2]", "[0,8]") + "}", 8), "too long at 'a'");
  check_contains(error_for("{" + entry("a", "F32", "[[2]]", "[0,8]") + "}", 8), "unexpected array at 'a'");
  check_contains(error_for("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8), "no complete dtype");
  check_contains(error_for("{\"a\":{\"dtype\":\"F32\",\"colour\":[2]}}", 8),
                 "unknown or repeated key 'colour'");
  check_contains(error_for("{\"__metadata__\":{\"a\":1}}", 0), "unexpected number");
  check_contains(error_for("{} {}", 0), "safetensors header");
  check_contains(error_for(std::string("{}\0", 3), 0), "zero byte");
  check_contains(error_for("{\"a", 0), "safetensors header");
}

BOOST_AUTO_TEST_CASE(a_repeated_name_is_refused_even_if_it_is_ignored) {
  const std::string name = "num_batches_tracked";
  const std::string bytes =
      file_of("{" + entry(name, "I64", "[]", "[0,8]") + "," + entry(name, "I64", "[]", "[8,16]") + "}", 16);
  check_contains(error_of(weights::read_tensors(std::as_bytes(std::span(bytes)))), "two tensors are named");
}

BOOST_AUTO_TEST_CASE(depth_and_length_of_a_header_cost_nothing) {
  check_contains(error_for("{\"a\":" + std::string(1'000'000, '['), 0), "unexpected array");
  check_contains(error_for(std::string(1'000'000, '{'), 0), "safetensors header");
  const std::string huge = std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}";
  check_contains(error_of(weights::read_safetensors(std::as_bytes(std::span(huge)))),
                 "truncated file or wrong length");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace graphrun::test
