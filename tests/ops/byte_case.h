#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "graphrun/tensor.h"
#include "tests/ops/harness.h"

// Kernels for activations in 8 bits, which the harness of reals leaves out, against the same references.
namespace graphrun::test {

struct ByteInput {
  Shape shape;
  Quantisation q;
  std::int64_t gap = 0;     // between pixels
  bool shape_only = false;  // the op reads its shape alone
};

struct ByteCase {
  std::string op;
  AttrMap attrs{};
  std::vector<ByteInput> inputs{};
  std::optional<Quantisation> y{};  // else y is wide
  DType wide = DType::f32;
  std::int64_t output_gap = 0;
  // Of y's integers, beside half a unit for the rounding; of a wide y relative to the largest of its reals.
  double tolerance = 1e-3;
};

std::ostream& operator<<(std::ostream& out, const ByteCase& test);

// Draws integers, gives the reference what they stand for, and compares with the first kernel for 8 bits that
// takes the case; with two threads it must give the same. Other outputs of the op are not asked for.
void check_bytes(const ByteCase& test, const Reference& reference);
// Every kernel for 8 bits declines.
bool bytes_are_declined(const ByteCase& test);
// Says why and returns false where the device has no kernels for 8 bits.
bool has_byte_kernels();

// Some scales with zero points at the ends and between them.
inline constexpr Quantisation kByteScales[] = {{0.02F, 0}, {0.031F, 128}, {0.5F, 201}, {0.013F, 255}};

}  // namespace graphrun::test
