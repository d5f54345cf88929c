#pragma once

#include <math.h>

#include "graphrun/device_function.h"
#include "graphrun/kernel/attributes.h"

// What a pixel counts beyond plain cross entropy. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::cross_entropy {

// The loss of a pixel with label y, weights w and probabilities p of C classes, n = -log p[y]:
//   (1 - smoothing) w[y] (1 - p[y])^focus n + smoothing/C sum over c of w[c] -log p[c]
// Its gradient by logit c, with s = slope(n) and [c = y] 1 or 0:
//   (1 - smoothing) w[y] s (p[c] - [c = y]) + smoothing/C (sum of w * p[c] - w[c])
struct PixelLoss {
  float smoothing = 0;
  float focus = 0;

  // (1 - p)^focus for the probability p = e^-nll.
  GRAPHRUN_DEVICE float factor(float nll) const { return focus == 0 ? 1.0f : powf(missing(nll), focus); }

  // The derivative of factor(nll) * nll.
  GRAPHRUN_DEVICE float slope(float nll) const {
    if (focus == 0) return 1;
    const float miss = missing(nll);
    if (miss == 0) return 0;  // the limit, where a power of it below 0 has none
    return powf(miss, focus) + focus * powf(miss, focus - 1) * (1 - miss) * nll;
  }

 private:
  // 1 - p, which rounding may not make negative. NaN stays NaN.
  static GRAPHRUN_DEVICE float missing(float nll) {
    const float miss = -expm1f(-nll);
    return miss < 0 ? 0.0f : miss;
  }
};

// The rule that the attributes label_smoothing and focus give.
inline PixelLoss rule_of(const Attributes& attrs) {
  return {static_cast<float>(attrs.real("label_smoothing")), static_cast<float>(attrs.real("focus"))};
}

}  // namespace graphrun::ops::cross_entropy
