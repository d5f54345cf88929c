#pragma once

#include <math.h>
#include <stdint.h>

#include "graphrun/device_function.h"
#include "runtime/numeric/exp.h"

// Bodies of the boundary loss. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::boundary {

// Labels (N, H, W) to 1 on boundaries, 0 elsewhere.
struct LabelBoundary {
  int64_t h, w;
  int64_t reach;  // pixels from the middle of the square to its upper and left side
  int64_t side;   // of the square
  int32_t ignore;
  const int32_t* label;
  int32_t* boundary;

  // One row of one image.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    for (int64_t x = 0; x < w; ++x) pixel(i, x);
  }
  GRAPHRUN_DEVICE void pixel(int64_t i, int64_t x) const {
    const int32_t own = label[i * w + x];
    boundary[i * w + x] = own == ignore ? ignore : sees_two(i, x, own);
  }

 private:
  // Whether a pixel in the square has another class.
  GRAPHRUN_DEVICE int32_t sees_two(int64_t i, int64_t x, int32_t own) const {
    const int64_t y = i % h;
    const int64_t top = y > reach ? y - reach : 0;
    const int64_t bottom = y - reach + side < h ? y - reach + side : h;
    const int64_t left = x > reach ? x - reach : 0;
    const int64_t right = x - reach + side < w ? x - reach + side : w;
    int32_t other = 0;
    for (int64_t v = top; v < bottom; ++v) {
      const int32_t* row = label + (i - y + v) * w;
      for (int64_t u = left; u < right; ++u) other |= row[u] != own && row[u] != ignore ? 1 : 0;
    }
    return other;
  }
};

// Labels of pixels whose score says boundary; `ignore` elsewhere.
template <class T>
struct SelectLabel {
  int64_t score_stride;
  float limit;  // of the score: the logit of the probability
  int32_t ignore;
  const int32_t* label;
  const T* score;
  int32_t* selected;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    selected[i] = static_cast<float>(score[i * score_stride]) > limit ? label[i] : ignore;
  }
};

// -log of the probability that a pixel's score gives to what it is: on a boundary or not.
GRAPHRUN_DEVICE inline float binary_loss(float score, bool on) {
  const float against = on ? -score : score;
  const float size = against < 0 ? -against : against;
  return (against > 0 ? against : 0.0f) + log1pf(expf(-size));
}
GRAPHRUN_DEVICE inline float binary_gradient(float score, bool on, float of_on, float of_off) {
  const float against = on ? -score : score;
  const float wrong = 1 / (1 + numeric::exp_float(-against));
  return on ? -of_on * wrong : of_off * wrong;
}

// The loss from the sums of binary_loss over pixels on boundaries and over others, and their counts.
struct BoundaryLoss {
  const double* totals;
  float* loss;
  GRAPHRUN_DEVICE void operator()(int64_t) const {
    const double all = totals[2] + totals[3];
    *loss =
        all > 0 ? static_cast<float>((totals[3] * totals[0] + totals[2] * totals[1]) / (all * all)) : 0.0f;
  }
};
struct BoundaryLossGrad {
  const float* gloss;
  const double* totals;
  double* gtotals;
  GRAPHRUN_DEVICE void operator()(int64_t) const {
    const double all = totals[2] + totals[3];
    const double scale = all > 0 ? static_cast<double>(*gloss) / (all * all) : 0;
    gtotals[0] = scale * totals[3];
    gtotals[1] = scale * totals[2];
    gtotals[2] = gtotals[3] = 0;
  }
};

}  // namespace graphrun::ops::boundary
