#pragma once

#include "graphrun/kernel/attributes.h"
#include "ops/adamw/body.h"

namespace graphrun::ops::adamw {

// A node's attributes, as kernels keep them; the corrections of the bias are each step's.
struct Settings {
  double beta1, beta2;
  Constants constants;
};
inline Settings settings_of(const Attributes& attrs) {
  const double beta1 = attrs.real("beta1");
  const double beta2 = attrs.real("beta2");
  Constants constants{};
  constants.beta1 = static_cast<float>(beta1);
  constants.beta2 = static_cast<float>(beta2);
  constants.rest1 = static_cast<float>(1.0 - beta1);
  constants.rest2 = static_cast<float>(1.0 - beta2);
  constants.eps = static_cast<float>(attrs.real("eps"));
  constants.weight_decay = static_cast<float>(attrs.real("weight_decay"));
  return {beta1, beta2, constants};
}

}  // namespace graphrun::ops::adamw
