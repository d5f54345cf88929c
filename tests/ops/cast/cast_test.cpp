#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "graphrun/bfloat16.h"
#include "ops/registry.h"
#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/ops/placed.h"
#include "tests/ops/test_backend.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

std::unique_ptr<Kernel> cast_kernel(model::Backend& backend, const TensorDesc& from, const TensorDesc& to) {
  const OpDef& def = *ops::op_registry().find("cast");
  const TensorDesc inputs[] = {from};
  const TensorDesc outputs[] = {to};
  for (const KernelEntry& entry : backend.candidates("cast")) {
    auto kernel = entry.prepare(
        {def, Attributes(), inputs, outputs, {true}, {true}, {false}, backend.threads(), backend.context()});
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
  count_as_checked("cast");
  TensorDesc narrow = TensorDesc::nhwc(DType::bf16, {2, 5, 3, 4});
  narrow.pixel_stride = 7;
  const TensorDesc wide = TensorDesc::nhwc(DType::f32, {2, 5, 3, 4});
  HostTensor values = HostTensor::zeros(wide.shape);
  for (std::size_t i = 0; i < values.values.size(); ++i) values.values[i] = static_cast<double>(i) - 50.5;
  std::vector<MemoryTensor> tensors{MemoryTensor(wide), MemoryTensor(narrow), MemoryTensor(wide)};
  tensors[0].write(values);

  const std::shared_ptr<model::Backend> backend = test_backend(2);
  const auto lock = backend->lock();
  const auto there = cast_kernel(*backend, wide, narrow);
  const auto home = cast_kernel(*backend, narrow, wide);
  BOOST_REQUIRE((there && home));
  auto placed = place(*backend, tensors);
  BOOST_REQUIRE(placed.ok());
  const TensorView in[] = {(*placed)[0].view()}, mid[] = {(*placed)[1].view()}, out[] = {(*placed)[2].view()};
  BOOST_REQUIRE(there->run({in, mid}).ok());
  BOOST_REQUIRE(home->run({mid, out}).ok());
  BOOST_REQUIRE(backend->synchronize().ok());
  for (Placed& tensor : *placed) BOOST_REQUIRE(tensor.fetch().ok());
  BOOST_TEST(tensors[2].read().values == values.values, boost::test_tools::per_element());
  BOOST_TEST(tensors[1].gaps_untouched());
  BOOST_TEST((cast_kernel(*backend, wide, wide) == nullptr));
}

// To integers and back, of both wide types; beyond the range they end.
BOOST_AUTO_TEST_CASE(bytes_stand_for_reals, *needs("host")) {
  if (!has_byte_kernels()) return;
  const std::shared_ptr<model::Backend> backend = test_backend(2);
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const Quantisation& q : kByteScales) {
      TensorDesc wide = TensorDesc::nhwc(type, {2, 5, 3, 4}), bytes = TensorDesc::nhwc(DType::u8, wide.shape);
      wide.pixel_stride = 6;
      bytes.pixel_stride = 7;
      bytes.quantisation = q;
      MemoryTensor x(wide), integers(bytes), y(wide);
      HostTensor reals = HostTensor::zeros(wide.shape);
      const auto scale = static_cast<double>(q.scale);
      for (std::size_t i = 0; i < reals.values.size(); ++i)
        reals.values[i] = scale * (static_cast<double>(3 * i) - 40 - q.zero_point);
      x.write(reals);
      reals = x.read();
      const auto there = cast_kernel(*backend, wide, bytes);
      const auto home = cast_kernel(*backend, bytes, wide);
      BOOST_REQUIRE((there && home));
      const TensorView in[] = {x.view()}, mid[] = {integers.view()}, out[] = {y.view()};
      BOOST_REQUIRE(there->run({in, mid}).ok());
      BOOST_REQUIRE(home->run({mid, out}).ok());
      BOOST_TEST((integers.gaps_untouched() && y.gaps_untouched()));
      const HostTensor stored = integers.read(), back = y.read();
      for (std::size_t i = 0; i < reals.values.size(); ++i) {
        const double exact = std::clamp(reals.values[i] / scale + q.zero_point, 0.0, 255.0);
        BOOST_TEST(std::abs(stored.values[i] - exact) <= 0.501);
        const double stands_for = scale * (stored.values[i] - q.zero_point);
        const double rounding = type == DType::bf16 ? std::abs(stands_for) / 256 : 1e-6;
        BOOST_TEST(std::abs(back.values[i] - stands_for) <= rounding);
      }
    }
  }
}

}  // namespace graphrun::test
