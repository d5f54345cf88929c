#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "ops/conv2d/body.h"

// Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016 (arXiv:1509.09308). A tile of 6x6 pixels and
// the window, both transformed, need 36 products for 16 results instead of 144; over all tiles each of the 36
// is a matrix product. A dilated convolution is the same on each of the grids of every d-th pixel. Rounding
// errors are some four times those of the sum over the window.
//
// With d the 6x6 pixels, g the window and y the 4x4 results, y = At [(G g Gt) * (Bt d B)] A, where *
// multiplies element by element. The points 0, p, -p, q, -q and infinity, at which polynomials with these
// coefficients are multiplied (Toom and Cook; Lavin and Gray take p = 1, q = 2), give the matrices
//
//        p2 q2    0   -p2-q2    0    1  0                 1 / (p2 q2)       0        0
//          0   -p q2   -q2      p    1  0                 u / (2 p2)    u / (2 p)   u / 2
//   Bt =   0    p q2   -q2     -p    1  0           G =   u / (2 p2)   -u / (2 p)   u / 2
//          0   -p2 q   -p2      q    1  0                -u / (2 q2)   -u / (2 q)  -u / 2
//          0    p2 q   -p2     -q    1  0                -u / (2 q2)    u / (2 q)  -u / 2
//          0   p2 q2    0    -p2-q2  0  1                     0             0        1
//
//        1   1   1   1   1   0
//   At = 0   p  -p   q  -q   0        p2 = p p, p3 = p p p, likewise of q
//        0   p2  p2  q2  q2  0        u = 1 / (p2 - q2)
//        0   p3 -p3  q3 -q3  1
//
// What is transformed lies by point: `pitch` elements from point to point, channels side by side. Every
// function works on one tile, or on one row of the weight's matrix, and sums in a fixed order.
namespace graphrun::ops::conv2d::winograd {

inline constexpr std::int64_t kOut = 4;  // results of a tile along an axis
inline constexpr std::int64_t kIn = 6;   // pixels that they read
inline constexpr std::int64_t kPoints = kIn * kIn;
inline constexpr std::int64_t kTaps = 9;

// Pixels of activations stored as T, float or BFloat16; everything between is float.
template <class T>
using InTile = std::array<const T*, kPoints>;  // null: outside of x
template <class T>
using OutTile = std::array<T*, kOut * kOut>;  // null: outside of y

// The tiles of a convolution with 3x3 windows and stride 1, all images one after another.
class Tiles {
 public:
  explicit Tiles(const Geometry& g);
  std::int64_t count() const;
  template <class T>
  InTile<T> pixels_in(const TensorView& x, std::int64_t tile) const {
    const Place place = place_of(tile);
    InTile<T> pixels{};
    for (std::int64_t i = 0; i < kIn; ++i) {
      const std::int64_t row = place.row - g_.ph + i * g_.dh;
      for (std::int64_t j = 0; j < kIn; ++j) {
        const std::int64_t column = place.column - g_.pw + j * g_.dw;
        if (row < 0 || row >= g_.h || column < 0 || column >= g_.w) continue;
        pixels[static_cast<std::size_t>(i * kIn + j)] =
            x.as<const T>() + ((place.image * g_.h + row) * g_.w + column) * x.desc.pixel_stride;
      }
    }
    return pixels;
  }
  // T is const where they are read.
  template <class T>
  OutTile<T> pixels_out(const TensorView& y, std::int64_t tile) const {
    const Place place = place_of(tile);
    OutTile<T> pixels{};
    for (std::int64_t i = 0; i < kOut; ++i) {
      const std::int64_t row = place.row + i * g_.dh;
      for (std::int64_t j = 0; j < kOut; ++j) {
        const std::int64_t column = place.column + j * g_.dw;
        if (row >= g_.oh || column >= g_.ow) continue;
        pixels[static_cast<std::size_t>(i * kOut + j)] =
            y.as<T>() + ((place.image * g_.oh + row) * g_.ow + column) * y.desc.pixel_stride;
      }
    }
    return pixels;
  }

 private:
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

// Declines where the window is another one, or transforms would cost more than they save. Takes what Tiles
// keeps from the request's tables.
Status require_tiles(const KernelRequest& request, const Geometry& g);

template <class T>
void transform_in(const InTile<T>& pixels, std::int64_t channels, float* to, std::int64_t pitch);

template <class T>
struct OutPixels {
  OutTile<T> y;
  OutTile<const T> residual{};  // read where `add`
  bool add = false, relu = false;
  const float* bias = nullptr;  // null: none
};
template <class T>
void transform_out(const float* from, std::int64_t pitch, std::int64_t channels, const OutPixels<T>& pixels);

// The transpose of transform_out: from a gradient's pixels to points.
void spread_out(const OutTile<const float>& pixels, std::int64_t channels, float* to, std::int64_t pitch);

struct WeightLayout {
  double scale = 1;
  bool flipped = false;                // windows, by half a turn
  std::int64_t first = 0, last = kIn;  // rows of points that are wanted; `to` is where the first begins
};
// Windows of some channels, dense (channels, 3, 3).
void transform_weights(const float* weight, std::int64_t channels, const WeightLayout& form, float* to,
                       std::int64_t pitch);
// The transpose of that.
void gather_weights(const float* from, std::int64_t pitch, std::int64_t channels, float* gweight);

}  // namespace graphrun::ops::conv2d::winograd
