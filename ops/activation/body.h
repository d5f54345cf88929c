#pragma once

#include "graphrun/device_function.h"
#include "graphrun/kernel/attributes.h"
#include "runtime/numeric/exp.h"
#include "runtime/numeric/normal_distribution.h"

// Activations and their gradients, one element each, for both devices. NaN stays NaN, so that a diverged
// training shows. Those with a slope have it from the node's attribute.
namespace graphrun::ops::activation {

GRAPHRUN_DEVICE inline float logistic(float x) { return 1.0f / (1.0f + numeric::exp_float(-x)); }
GRAPHRUN_DEVICE inline float clamp(float x, float low, float high) {
  const float raised = low > x ? low : x;
  return high < raised ? high : raised;
}

struct Relu {
  GRAPHRUN_DEVICE float operator()(float x) const { return 0.0f > x ? 0.0f : x; }
};
// These two from y.
struct ReluGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float y) const { return y > 0.0f ? gy : 0.0f; }
};
struct SigmoidGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float y) const { return gy * y * (1.0f - y); }
};
struct Sigmoid {
  GRAPHRUN_DEVICE float operator()(float x) const { return logistic(x); }
};

// All others from x.
struct Relu6 {
  GRAPHRUN_DEVICE float operator()(float x) const { return clamp(x, 0.0f, 6.0f); }
};
struct Relu6Grad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const { return x > 0.0f && x < 6.0f ? gy : 0.0f; }
};

struct LeakyRelu {
  float slope = 0;
  GRAPHRUN_DEVICE float operator()(float x) const { return x > 0.0f ? x : slope * x; }
};
struct LeakyReluGrad {
  float slope = 0;
  GRAPHRUN_DEVICE float operator()(float gy, float x) const { return x > 0.0f ? gy : slope * gy; }
};

struct HardSigmoid {
  GRAPHRUN_DEVICE float operator()(float x) const { return clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); }
};
struct HardSigmoidGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const {
    return x > -3.0f && x < 3.0f ? gy * (1.0f / 6.0f) : 0.0f;
  }
};

struct HardSwish {
  GRAPHRUN_DEVICE float operator()(float x) const { return x * clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); }
};
struct HardSwishGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const {
    const float inside = gy * (x * (1.0f / 3.0f) + 0.5f);
    return x < -3.0f ? 0.0f : x > 3.0f ? gy : inside;
  }
};

struct Silu {
  GRAPHRUN_DEVICE float operator()(float x) const { return x * logistic(x); }
};
struct SiluGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const {
    const float y = logistic(x);
    return gy * y * (1.0f + x * (1.0f - y));
  }
};

struct Gelu {
  GRAPHRUN_DEVICE float operator()(float x) const { return x * numeric::normal_distribution(x); }
};
struct GeluGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const {
    return gy * (numeric::normal_distribution(x) + x * numeric::normal_density(x));
  }
};

// gelu with tanh: (1 + tanh(u))/2 is the logistic function of 2u.
struct GeluTanh {
  GRAPHRUN_DEVICE static float argument(float x) { return x * (1.59576912f + 0.0713548163f * x * x); }
  GRAPHRUN_DEVICE float operator()(float x) const { return x * logistic(argument(x)); }
};
struct GeluTanhGrad {
  GRAPHRUN_DEVICE float operator()(float gy, float x) const {
    const float y = logistic(GeluTanh::argument(x));
    return gy * (y + x * y * (1.0f - y) * (1.59576912f + 0.214064449f * x * x));
  }
};

// Whether an activation has a slope.
template <class F>
concept HasSlope = requires(F f) {
  f.slope;
};

// What a node gives an activation as its slope; 0 for those without.
template <class F>
float slope_of(const Attributes& attrs) {
  if constexpr (HasSlope<F>) return static_cast<float>(attrs.real("slope"));
  return 0;
}
template <class F>
constexpr F with_slope([[maybe_unused]] float slope) {
  F f{};
  if constexpr (HasSlope<F>) f.slope = slope;
  return f;
}

}  // namespace graphrun::ops::activation
