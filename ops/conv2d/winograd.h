#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ops/conv2d/body.h"
#include "runtime/core/status.h"
#include "runtime/core/tensor.h"

// Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016 (arXiv:1509.09308). A tile of 6x6 pixels and
// the window, both transformed, need 36 products for 16 results instead of 144; over all tiles each of the 36
// is a matrix product. A dilated convolution is the same on each of the grids of every d-th pixel. Rounding
// errors are some four times those of the sum over the window.
//
// What is transformed lies by point: `pitch` elements from point to point, channels side by side. Every
// function works on one tile, or on one row of the weight's matrix, and sums in a fixed order.
namespace graphrun::ops::conv2d::winograd {

inline constexpr std::int64_t kOut = 4;  // results of a tile along an axis
inline constexpr std::int64_t kIn = 6;   // pixels that they read
inline constexpr std::int64_t kPoints = kIn * kIn;
inline constexpr std::int64_t kTaps = 9;

using InTile = std::array<const float*, kPoints>;            // pixels; null: outside of x
using OutTile = std::array<float*, kOut * kOut>;             // pixels; null: outside of y
using ConstOutTile = std::array<const float*, kOut * kOut>;  // likewise

// The tiles of a convolution with 3x3 windows and stride 1, all images one after another.
class Tiles {
 public:
  explicit Tiles(const Geometry& g);
  std::int64_t count() const;
  InTile pixels_in(const TensorView& x, std::int64_t tile) const;
  ConstOutTile pixels_out(const TensorView& y, std::int64_t tile) const;
  OutTile pixels_to(const TensorView& y, std::int64_t tile) const;

 private:
  template <class Tile>
  Tile out(const TensorView& y, std::int64_t tile) const;
  struct Place {
    std::int64_t image, row, column;  // of the first result
  };
  Place place_of(std::int64_t tile) const;
  Geometry g_;
  std::vector<std::int64_t> rows_, columns_;  // first results along the axes of y
};

// Elements from point to point when each has `count`: no multiple of the caches' sets, or a tile's points
// would push each other out.
inline std::int64_t pitch_of(std::int64_t count) {
  constexpr std::int64_t kSets = 1024, kApart = 80;
  return (count + kSets - 1) / kSets * kSets + kApart;
}

// Declines where the window is another one, or transforms would cost more than they save.
Status require_tiles(const Geometry& g);

void transform_in(const InTile& pixels, std::int64_t channels, float* to, std::int64_t pitch);

struct OutPixels {
  OutTile y;
  ConstOutTile residual{};  // read where `add`
  bool add = false, relu = false;
  const float* bias = nullptr;  // null: none
};
void transform_out(const float* from, std::int64_t pitch, std::int64_t channels, const OutPixels& pixels);

// The transpose of transform_out: from a gradient's pixels to points.
void spread_out(const ConstOutTile& pixels, std::int64_t channels, float* to, std::int64_t pitch);

struct WeightForm {
  double scale = 1;
  bool turned = false;                 // windows, by half a turn
  std::int64_t first = 0, last = kIn;  // rows of points that are wanted; `to` is where the first begins
};
// Windows of some channels, dense (channels, 3, 3).
void transform_weights(const float* weight, std::int64_t channels, const WeightForm& form, float* to,
                       std::int64_t pitch);
// The transpose of that.
void gather_weights(const float* from, std::int64_t pitch, std::int64_t channels, float* gweight);

}  // namespace graphrun::ops::conv2d::winograd
