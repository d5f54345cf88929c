#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of psa_mask and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::psa_mask {

// Each pixel has a mask: a grid of numbers for the places around it or, compact, for all places of the map.
struct Masks {
  int64_t h, w;            // of the map
  int64_t mask_h, mask_w;  // odd, or those of the map where compact
  bool compact;
  // Rows and columns that a mask reaches to either side.
  GRAPHRUN_DEVICE int64_t reach_h() const { return compact ? h : mask_h / 2; }
  GRAPHRUN_DEVICE int64_t reach_w() const { return compact ? w : mask_w / 2; }
};

// Where an element stands in memory, as a function of a row and a column.
struct Places {
  int64_t first, row, column;
};

template <class T>
struct PsaMask {
  Masks masks;
  bool collect;
  int64_t x_stride, y_stride;
  const T* x;
  T* y;

  // The numbers for pixel (r, c), by the rows and columns of the other pixels.
  GRAPHRUN_DEVICE Places places(int64_t r, int64_t c) const {
    const Masks& m = masks;
    const int64_t pixel = r * m.w + c;
    if (m.compact)
      return collect ? Places{pixel * x_stride, m.w, 1} : Places{pixel, m.w * x_stride, x_stride};
    const int64_t down = m.mask_h / 2, right = m.mask_w / 2;
    if (collect) return {pixel * x_stride + (down - r) * m.mask_w + right - c, m.mask_w, 1};
    return {(down + r) * m.mask_w + right + c, m.w * x_stride - m.mask_w, x_stride - 1};
  }

  // One pixel of y.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixels = masks.h * masks.w;
    const int64_t r = i % pixels / masks.w, c = i % masks.w;
    const Places at = places(r, c);
    const T* from = x + i / pixels * pixels * x_stride + at.first;
    T* to = y + i * y_stride;
    const int64_t reach = masks.reach_w();
    const int64_t begin = c > reach ? c - reach : 0;
    const int64_t end = c + reach + 1 < masks.w ? c + reach + 1 : masks.w;
    for (int64_t row = 0; row < masks.h; ++row, to += masks.w) {
      const bool reached = row + masks.reach_h() >= r && row <= r + masks.reach_h();
      const T* line = from + row * at.row;
      for (int64_t k = 0; k < masks.w; ++k) {
        const bool inside = reached && k >= begin && k < end;
        to[k] = inside ? line[k * at.column] : static_cast<T>(0.0f);
      }
    }
  }
};

template <class T>
struct PsaMaskGrad {
  Masks masks;
  bool collect;
  int64_t gy_stride, gx_stride;
  const T* gy;
  T* gx;

  // The gradients for a pixel, by the rows and columns of the other pixels.
  GRAPHRUN_DEVICE Places places(int64_t pixel) const {
    return collect ? Places{pixel * gy_stride, masks.w, 1} : Places{pixel, masks.w * gy_stride, gy_stride};
  }

  // One pixel of gx: its mask.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixels = masks.h * masks.w;
    const int64_t pixel = i % pixels;
    const Places at = places(pixel);
    const T* from = gy + i / pixels * pixels * gy_stride + at.first;
    T* to = gx + i * gx_stride;
    const int64_t up = masks.compact ? 0 : pixel / masks.w - masks.mask_h / 2;
    const int64_t left = masks.compact ? 0 : pixel % masks.w - masks.mask_w / 2;
    for (int64_t a = 0; a < masks.mask_h; ++a, to += masks.mask_w) {
      const int64_t row = a + up;
      for (int64_t b = 0; b < masks.mask_w; ++b) {
        const int64_t column = b + left;
        const bool inside = row >= 0 && row < masks.h && column >= 0 && column < masks.w;
        to[b] = inside ? from[row * at.row + column * at.column] : static_cast<T>(0.0f);
      }
    }
  }
};

}  // namespace graphrun::ops::psa_mask
