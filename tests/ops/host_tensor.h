#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "graphrun/tensor.h"

namespace graphrun::test {

// A tensor as references see it: doubles in logical row-major order, (N, C, H, W) for activations.
struct HostTensor {
  bool present = true;
  Shape shape;
  std::vector<double> values;

  static HostTensor zeros(const Shape& shape);
  // Precondition: rank 4.
  double& at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
    return values[static_cast<std::size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w)];
  }
  double at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) const {
    return const_cast<HostTensor*>(this)->at(n, c, h, w);
  }
};

// A tensor as kernels see it: memory of its own, 64-byte aligned, between guard zones. All bytes start as
// 0xFF, which is NaN in reals, so that what is read before it is written shows.
class MemoryTensor {
 public:
  explicit MemoryTensor(const TensorDesc& desc);

  const TensorDesc& desc() const { return desc_; }
  TensorView view();
  // All of it, guard zones included.
  std::span<std::byte> memory() { return std::as_writable_bytes(std::span(lines_)); }
  // Rounds to the element type. Precondition: as many values as the shape has elements.
  void write(const HostTensor& values);
  HostTensor read() const;
  // Guard zones and the gaps between pixels still hold their first bytes.
  bool gaps_untouched() const;
  bool same_bits(const MemoryTensor& other) const;

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kGuardLines = 5;  // odd: in memory of a GPU no tensor is aligned to more
  struct alignas(kLine) Line {
    std::array<unsigned char, kLine> bytes;
  };
  const unsigned char* data() const { return lines_[kGuardLines].bytes.data(); }
  // Elements from the first one to the one at `index` of the logical order.
  std::int64_t offset(std::int64_t index) const;

  TensorDesc desc_;
  std::vector<Line> lines_;
};

}  // namespace graphrun::test
