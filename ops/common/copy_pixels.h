#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "graphrun/tensor.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops {

// Copies the pixels of an activation (extents and type: `desc`) to memory with another pixel stride; strides
// in elements. What lies in its place already is left there.
inline void copy_pixels(const TensorDesc& desc, const void* from, std::int64_t from_stride, void* to,
                        std::int64_t to_stride, int threads) {
  if (from == to && from_stride == to_stride) return;
  const auto size = static_cast<std::int64_t>(size_of(desc.dtype));
  const std::int64_t bytes = desc.c() * size;
  const auto* const source = static_cast<const std::byte*>(from);
  auto* const target = static_cast<std::byte*>(to);
  constexpr std::int64_t kBytesOfPiece = 131072;
  cpu::parallel_for(threads, desc.pixels(), kBytesOfPiece / bytes, [&](std::int64_t begin, std::int64_t end) {
    if (from_stride == desc.c() && to_stride == desc.c()) {
      std::memcpy(target + begin * bytes, source + begin * bytes,
                  static_cast<std::size_t>((end - begin) * bytes));
      return;
    }
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      std::memcpy(target + pixel * to_stride * size, source + pixel * from_stride * size,
                  static_cast<std::size_t>(bytes));
    }
  });
}

}  // namespace graphrun::ops
