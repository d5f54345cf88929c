#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/core/bfloat16.h"

namespace graphrun::test {
namespace {

std::unique_ptr<Kernel> cast_kernel(const TensorDesc& from, const TensorDesc& to) {
  const auto backend = make_cpu_backend(2);
  const OpDef& def = *op_registry().find("cast");
  const TensorDesc inputs[] = {from};
  const TensorDesc outputs[] = {to};
  for (const KernelEntry& entry : (*backend)->candidates("cast")) {
    auto kernel = entry.prepare({def, Attributes(), inputs, outputs, {true}, {true}, {false}, 2});
    if (kernel.ok()) return *std::move(kernel);
  }
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_CASE(bf16_rounds_to_nearest_even) {
  const auto round = [](float value) { return static_cast<float>(BFloat16(value)); };
  BOOST_TEST(round(1.0f) == 1.0f);
  BOOST_TEST(round(1.0f + 1.0f / 256) == 1.0f);               // halfway, to the even neighbour
  BOOST_TEST(round(1.0f + 3.0f / 256) == 1.0f + 4.0f / 256);  // halfway, to the even neighbour
  BOOST_TEST(round(-1.0f - 1.01f / 256) == -1.0f - 2.0f / 256);
  BOOST_TEST(round(1e-40f) > 0.0f);
  BOOST_TEST(round(std::numeric_limits<float>::max()) == std::numeric_limits<float>::infinity());
  BOOST_TEST(std::isnan(round(std::numeric_limits<float>::quiet_NaN())));
  BOOST_TEST(std::isnan(round(__builtin_bit_cast(float, 0x7F800001u))));
}

BOOST_AUTO_TEST_CASE(cast_there_and_back) {
  TensorDesc narrow = TensorDesc::nhwc(DType::bf16, {2, 5, 3, 4});
  narrow.pixel_stride = 7;
  const TensorDesc wide = TensorDesc::nhwc(DType::f32, {2, 5, 3, 4});
  std::vector<float> values(static_cast<std::size_t>(wide.shape.count()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 50.5f;
  std::vector<BFloat16> stored(static_cast<std::size_t>(narrow.bytes()) / sizeof(BFloat16));
  std::vector<float> back(values.size());
  const auto there = cast_kernel(wide, narrow);
  const auto home = cast_kernel(narrow, wide);
  BOOST_REQUIRE((there && home));
  const TensorView in[] = {{wide, values.data()}}, mid[] = {{narrow, stored.data()}},
                   out[] = {{wide, back.data()}};
  BOOST_REQUIRE(there->run({in, mid}).ok());
  BOOST_REQUIRE(home->run({mid, out}).ok());
  BOOST_TEST(back == values, boost::test_tools::per_element());
  BOOST_TEST((cast_kernel(wide, wide) == nullptr));
}

}  // namespace graphrun::test
