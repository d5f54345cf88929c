#pragma once

#include "graphrun/kernel/kernel.h"
#include "runtime/numeric/sampling.h"

namespace graphrun::ops {

// Takes what the tables between the pixels of two maps need (TableBudget).
inline Status take_sampling_tables(const KernelRequest& request, const TensorDesc& low,
                                   const TensorDesc& high) {
  return take_tables(request,
                     numeric::sampling_bytes(low.h(), high.h()) + numeric::sampling_bytes(low.w(), high.w()));
}

// Takes the tables between logits and a label map (N, H, W).
inline Status take_label_tables(const KernelRequest& request, const TensorDesc& logits,
                                const TensorDesc& label) {
  return take_tables(request, numeric::sampling_bytes(logits.h(), label.shape[1]) +
                                  numeric::sampling_bytes(logits.w(), label.shape[2]));
}

}  // namespace graphrun::ops
