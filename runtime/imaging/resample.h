#pragma once

#include <cstdint>

#include "graphrun/image.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/imaging/image.h"
#include "runtime/model/backend.h"
#include "runtime/model/graph.h"

namespace graphrun::imaging {

// The image is one that a network with so many channels takes. Errors: no data or an element type other than
// u8 and f32, another number of channels, sides that are not positive or more than kMaxPixels, rows that
// overlap, floats that are not aligned.
Status check_image(const ImageView& image, std::int64_t channels);

// The image at another size as the network wants it: (pixel - mean * value_scale) / (std * value_scale),
// interpolated as linear_taps() says. `out` gets channels * height * width floats, channels side by side.
// Precondition of these two: check_image().
void resize_normalised(const ImageView& image, const model::Preprocess& preprocess, const Extent& size,
                       int threads, float* out);
// The image as it is into a sample of a network's input (N, channels, H, W), f32, NHWC, of the backend's
// memory. Errors: another size, the device's.
Status write_normalised(const ImageView& image, const model::Preprocess& preprocess, model::Backend& backend,
                        const TensorView& input, std::int64_t sample);

// A part of such an image, of the input's height and width. What lies outside the image is the mean colour,
// which is 0.
struct Window {
  const float* view = nullptr;
  Extent size;             // of the view
  std::int64_t top = 0;    // row of the view that is the window's first; may be negative
  std::int64_t left = 0;   // column likewise
  std::int64_t right = 0;  // column after the one that is the first of the window's mirror image
};
// Writes the window into a sample of the input (N, channels, h, w), f32, NHWC, or its mirror image.
void copy_window(const Window& window, bool mirrored, int threads, const TensorView& input,
                 std::int64_t sample);

}  // namespace graphrun::imaging
