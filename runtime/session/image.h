#pragma once

#include <cstdint>
#include <span>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/graph.h"

namespace graphrun::session {

// Writes 8-bit pixels, channels side by side, as the model wants them: (pixel - mean * value_scale) /
// (std * value_scale). `image` is an f32 map on the host, with as many channels as `preprocess`. Errors:
// another number of pixels or channels, another type, no memory.
Status normalise_image(const model::Preprocess& preprocess, std::span<const std::uint8_t> pixels,
                       const TensorView& image);

// The class of each pixel of (N, classes, H, W) logits, an f32 map on the host; the first of equal maxima.
// Errors: another type, no memory, `out` of other than N * H * W elements.
Status arg_max(const TensorView& logits, std::span<std::int32_t> out);

}  // namespace graphrun::session
