#include "runtime/session/layout.h"

#include <algorithm>

namespace graphrun::session {
namespace {

// Pixels and channels in tiles that stay in the first-level cache on both sides.
template <class Copy>
void for_each_element(const TensorDesc& desc, const Copy& copy) {
  constexpr std::int64_t kTile = 32;
  const std::int64_t plane = desc.h() * desc.w();
  for (std::int64_t n = 0; n < desc.n(); ++n) {
    for (std::int64_t p0 = 0; p0 < plane; p0 += kTile) {
      for (std::int64_t c0 = 0; c0 < desc.c(); c0 += kTile) {
        for (std::int64_t c = c0; c < std::min(c0 + kTile, desc.c()); ++c) {
          for (std::int64_t p = p0; p < std::min(p0 + kTile, plane); ++p) {
            copy(static_cast<std::size_t>((n * desc.c() + c) * plane + p),
                 (n * plane + p) * desc.pixel_stride + c);
          }
        }
      }
    }
  }
}

}  // namespace

void nchw_to_nhwc(std::span<const float> nchw, const TensorView& nhwc) {
  float* out = nhwc.as<float>();
  for_each_element(nhwc.desc, [&](std::size_t from, std::int64_t to) { out[to] = nchw[from]; });
}

void nhwc_to_nchw(const TensorView& nhwc, std::span<float> nchw) {
  const float* in = nhwc.as<float>();
  for_each_element(nhwc.desc, [&](std::size_t to, std::int64_t from) { nchw[to] = in[from]; });
}

}  // namespace graphrun::session
