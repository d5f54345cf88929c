#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"

// What the kernels of u8 activations and s8 weights share. They sum integers; with such a sum a, the scales s
// of x, y, r (the residual) and, by channel, the weight (w), zero points z, and batch norm's factor n and the
// bias b of the channel,
//
//   y = factor a + shift + (sr / sy) r,
//   factor = sx sw n / sy,  shift = b / sy + zy - zr sr / sy - zx factor sum(weight),
//
// so that zero points cost nothing. Where y is wide, sy is 1 and the residual is wide, too. ReLU ends at y's
// zero point.
namespace graphrun::ops::conv2d {

struct ByteForm {
  std::optional<double> eps{};        // of batch norm
  Quantisation x{}, y{}, residual{};  // scales of 0: wide, absent
  std::int64_t outputs = 0;

  std::string key() const;  // of all numbers that the channels' depend on
};

// Scales of the operands of a request that check_byte_operands() took; `eps`: of a conv2d_bn.
ByteForm byte_form(const KernelRequest& request, std::optional<double> eps);
// Declines what is no product of u8 and s8 with constant variables.
Status check_byte_operands(const KernelRequest& request);

struct ByteChannel {
  double factor, shift;
};
// The numbers of every output. `weight` (outputs, ...) are integers, which become 0 where the factor is none.
std::vector<ByteChannel> fold_bytes(const ByteForm& form, std::span<const TensorView> inputs,
                                    std::span<std::int8_t> weight);

}  // namespace graphrun::ops::conv2d
