#pragma once

#include <cmath>
#include <cstdint>

#include "graphrun/kernel/kernel.h"

// The numbers of an attention, for the kernels of all devices.
namespace graphrun::ops::attention {

// One head computes y = softmax(scale q k^T) v, rows being pixels.
struct Problem {
  std::int64_t images, heads;
  std::int64_t queries, keys;       // pixels of q, and of k and v
  std::int64_t width, value_width;  // channels of q and k, and of v
  float scale;

  std::int64_t of_heads() const { return images * heads; }
};

inline Problem problem_of(const Attributes& attrs, const TensorDesc& q, const TensorDesc& k,
                          const TensorDesc& v) {
  const std::int64_t heads = attrs.integer("heads");
  const std::int64_t width = q.c() / heads;
  const double given = attrs.real("scale");
  const double scale = given != 0 ? given : 1 / std::sqrt(static_cast<double>(width));
  return {q.n(), heads, q.h() * q.w(), k.h() * k.w(), width, v.c() / heads, static_cast<float>(scale)};
}

}  // namespace graphrun::ops::attention
