#include "ops/conv2d/cpu_blend.h"

#include "graphrun/bfloat16.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::conv2d {
namespace {

template <class T>
GRAPHRUN_SIMD void store_pixel(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

template <class T>
void store_pixels(const float* line, const TensorDesc& y, T* to) {
  for (std::int64_t x = 0; x < y.w(); ++x) store_pixel(line + x * y.c(), y.c(), to + x * y.pixel_stride);
}

}  // namespace

GRAPHRUN_SIMD void accumulate(float weight, const float* from, std::int64_t count, float* acc) {
  for (std::int64_t i = 0; i < count; ++i) acc[i] += weight * from[i];
}

GRAPHRUN_SIMD void accumulate_two(float a_weight, const float* a, float b_weight, const float* b,
                                  std::int64_t count, float* acc) {
  for (std::int64_t i = 0; i < count; ++i) acc[i] += a_weight * a[i] + b_weight * b[i];
}

void store_line(const float* line, const TensorView& y, std::int64_t row) {
  const std::int64_t at = row * y.desc.w() * y.desc.pixel_stride;
  if (y.desc.dtype == DType::bf16) return store_pixels(line, y.desc, y.as<BFloat16>() + at);
  store_pixels(line, y.desc, y.as<float>() + at);
}

}  // namespace graphrun::ops::conv2d
