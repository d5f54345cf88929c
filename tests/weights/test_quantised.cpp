#include <boost/test/unit_test.hpp>
#include <limits>

#include "runtime/weights/quantised.h"
#include "runtime/weights/safetensors.h"
#include "tests/weights/files.h"

// What a file of quantised weights says, and what it may not say.
using namespace graphrun;
using namespace graphrun::weights;

namespace {

NamedTensor tensor(const std::string& name, DType dtype, const Shape& shape,
                   std::span<const std::byte> bytes) {
  return {name, TensorDesc::dense(dtype, shape), bytes};
}

bool refused(const std::string& text) {
  const auto read = read_activations({{"activation a.b", text}});
  return !read.ok() && read.status().code() == ErrorCode::invalid_file;
}

}  // namespace

BOOST_AUTO_TEST_CASE(scales_of_activations_come_back) {
  const ActivationScales scales{
      {"image", {0.0234375F, 113}}, {"layer1.0.conv1", {1.17549435e-38F, 0}}, {"x y", {3, 255}}};
  const auto metadata = activation_metadata(scales);
  BOOST_TEST(metadata.at("activation image") == "0.0234375 113");
  const auto read = read_activations(metadata);
  BOOST_TEST_REQUIRE(read.ok());
  BOOST_TEST((*read == scales));
  BOOST_TEST(read_activations({{"format", "pt"}})->empty());
}

BOOST_AUTO_TEST_CASE(entries_that_are_none_are_refused) {
  for (const char* text : {"", "1", "1 ", " 1 0", "0 0", "-1 0", "nan 0", "inf 0", "1e-45 0", "1 -1", "1 256",
                           "1 0 ", "1 0x1", "1,0"})
    BOOST_TEST(refused(text), text);
  BOOST_TEST(!refused("1 255"));
}

BOOST_AUTO_TEST_CASE(integers_stand_for_reals_where_they_have_scales) {
  const std::vector<std::int8_t> integers{-127, 0, 5, 127, 1, -1};
  const std::vector<float> scales{0.5F, 2};
  const std::span<const std::byte> bytes = std::as_bytes(std::span(integers));
  const test::Scratch folder;
  const std::string path = folder / "w.safetensors";
  BOOST_TEST_REQUIRE(
      write_safetensors(path,
                        std::vector<NamedTensor>{
                            tensor("w:scale", DType::f32, {2}, std::as_bytes(std::span(scales))),
                            tensor("other:scale", DType::f32, {2}, std::as_bytes(std::span(scales))),
                            tensor("w", DType::s8, {2, 3}, bytes), tensor("other", DType::s8, {3, 2}, bytes),
                            tensor("alone", DType::s8, {6}, bytes)},
                        {})
          .ok());
  const auto file = TensorFile::open(path);
  BOOST_TEST_REQUIRE(file.ok());
  BOOST_TEST(check_scales(*(*file)->find("w"), scales.data()).ok());
  const float* const found = scales_of(**file, *(*file)->find("w"));
  BOOST_TEST_REQUIRE(found != nullptr);
  BOOST_TEST(is_scales(**file, *(*file)->find("w:scale")));
  // Too few, and none.
  BOOST_TEST(scales_of(**file, *(*file)->find("other")) == nullptr);
  BOOST_TEST(!is_scales(**file, *(*file)->find("other:scale")));
  BOOST_TEST(scales_of(**file, *(*file)->find("alone")) == nullptr);
  std::vector<float> reals(6);
  widen(integers, 2, found, reals.data());
  BOOST_TEST(reals == (std::vector<float>{-63.5F, 0, 2.5F, 254, 2, -2}), boost::test_tools::per_element());
}

// Three bytes of integers first: the reader copies what a file has misaligned.
BOOST_AUTO_TEST_CASE(scales_may_lie_anywhere) {
  const std::vector<std::int8_t> integers{1, 2, 3};
  const std::vector<float> scales{0.5F, 2, 0.25F};
  const test::Scratch folder;
  const std::string path = folder / "w.safetensors";
  BOOST_TEST_REQUIRE(
      write_safetensors(
          path,
          std::vector<NamedTensor>{tensor("w", DType::s8, {3, 1}, std::as_bytes(std::span(integers))),
                                   tensor("w:scale", DType::f32, {3}, std::as_bytes(std::span(scales)))},
          {})
          .ok());
  const auto file = TensorFile::open(path);
  BOOST_TEST_REQUIRE(file.ok());
  const float* const found = scales_of(**file, *(*file)->find("w"));
  BOOST_TEST_REQUIRE(found != nullptr);
  BOOST_TEST(reinterpret_cast<std::uintptr_t>(found) % alignof(float) == 0);
  BOOST_TEST(std::vector<float>(found, found + 3) == scales, boost::test_tools::per_element());
}
