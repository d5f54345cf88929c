#include "runtime/cpu/byte_table.h"

namespace graphrun::cpu {

void look_up(std::span<const std::uint8_t, 256> table, const std::uint8_t* x, std::uint8_t* y,
             std::int64_t length) {
  for (std::int64_t i = 0; i < length; ++i) y[i] = table[x[i]];
}

}  // namespace graphrun::cpu
