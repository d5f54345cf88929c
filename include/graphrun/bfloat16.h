#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

namespace graphrun {

// bf16: the upper half of an IEEE binary32. Arithmetic is done in float; storing rounds to nearest, ties to
// even, and keeps NaN a NaN.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  GRAPHRUN_DEVICE explicit BFloat16(float value) {
#ifdef __CUDA_ARCH__  // a GPU rounds in one instruction, and makes NaN 0x7FFF
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto word = __builtin_bit_cast(uint32_t, value);
    const uint32_t rounded = word + 0x7FFFu + ((word >> 16) & 1u);
    const uint32_t nan = word | 0x400000u;
    bits = static_cast<uint16_t>(((word & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded) >> 16);
#endif
  }
  GRAPHRUN_DEVICE operator float() const {
    return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
  }
};

}  // namespace graphrun
