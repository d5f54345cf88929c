#pragma once

#include "graphrun/kernel/kernel.h"
#include "ops/psa_mask/body.h"

namespace graphrun::ops::psa_mask {

inline Masks masks_of(const Attributes& attrs, const TensorDesc& x) {
  const std::vector<std::int64_t> mask = attrs.integers("mask");
  return {x.h(), x.w(), mask[0], mask[1], attrs.flag("compact")};
}

}  // namespace graphrun::ops::psa_mask
