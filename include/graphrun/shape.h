#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "graphrun/dtype.h"
#include "graphrun/status.h"

namespace graphrun {

inline constexpr int kMaxRank = 6;
// No tensor has more elements or bytes than this; larger numbers in a file are an error before any
// allocation.
inline constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 40;

// Extents of a tensor, in logical order: (N, C, H, W) for activations, (O, I, KH, KW) for convolution
// weights.
class Shape {
 public:
  Shape() = default;
  // Precondition: extents.size() <= kMaxRank. Data from a file goes through make().
  Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);
  // Checks rank, signs and that the number of elements stays under kMaxTensorBytes.
  static Result<Shape> make(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  std::int64_t& operator[](int axis) { return extents_[static_cast<std::size_t>(axis)]; }
  std::span<const std::int64_t> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }
  // Number of elements; 1 for a scalar (rank 0).
  std::int64_t count() const;
  bool operator==(const Shape& other) const;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

// "(2, 3, 480, 480)"
std::string to_string(const Shape& shape);

}  // namespace graphrun
