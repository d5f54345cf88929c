#pragma once

#include <span>

#include "graphrun/tensor.h"

namespace graphrun::session {

// The door between NCHW outside and NHWC inside; f32 on the host. Precondition: view.desc is nhwc f32 and the
// span has shape.count() elements.
void nchw_to_nhwc(std::span<const float> nchw, const TensorView& nhwc);
void nhwc_to_nchw(const TensorView& nhwc, std::span<float> nchw);

}  // namespace graphrun::session
