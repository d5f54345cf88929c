#pragma once

#include <cstdint>
#include <span>

#include "graphrun/tensor.h"
#include "runtime/model/graph.h"

namespace graphrun::session {

// Writes an 8-bit RGB image of the input's size as the model wants it: (pixel - mean * value_scale) / (std *
// value_scale). Precondition: rgb has 3 * H * W bytes, image is (1, 3, H, W), f32, NHWC, on the host.
void normalise_image(const model::Preprocess& preprocess, std::span<const std::uint8_t> rgb,
                     const TensorView& image);

// The class of each pixel of (N, classes, H, W) logits, f32, NHWC, on the host; the first of equal maxima.
// Precondition: out has N * H * W elements.
void arg_max(const TensorView& logits, std::span<std::int32_t> out);

}  // namespace graphrun::session
