#pragma once

#include <cstdint>

#include "runtime/imaging/image.h"
#include "graphrun/tensor.h"
#include "runtime/model/graph.h"

namespace graphrun::imaging {

// The image at another size as the network wants it: (pixel - mean * value_scale) / (std * value_scale),
// interpolated as linear_taps() says. `out` gets 3 * height * width floats, RGB by pixel.
void resize_normalised(const Image& image, const model::Preprocess& preprocess, const Extent& size,
                       int threads, float* out);

// A part of such an image, of the input's height and width. What lies outside the image is the mean colour,
// which is 0.
struct Window {
  const float* view = nullptr;
  Extent size;             // of the view
  std::int64_t top = 0;    // row of the view that is the window's first; may be negative
  std::int64_t left = 0;   // column likewise
  std::int64_t right = 0;  // column after the one that is the first of the window's mirror image
};
// Writes the window into a sample of the input (N, 3, h, w), f32, NHWC, or its mirror image.
void copy_window(const Window& window, bool mirrored, int threads, const TensorView& input,
                 std::int64_t sample);

}  // namespace graphrun::imaging
