#include "runtime/session/image.h"

#include <algorithm>

namespace graphrun::session {

void normalise_image(const model::Preprocess& preprocess, std::span<const std::uint8_t> rgb,
                     const TensorView& image) {
  float mean[3];
  float scale[3];
  for (std::size_t c = 0; c < 3; ++c) {
    mean[c] = static_cast<float>(preprocess.mean[c] * preprocess.value_scale);
    scale[c] = static_cast<float>(preprocess.std[c] * preprocess.value_scale);
  }
  float* out = image.as<float>();
  for (std::size_t i = 0; i < rgb.size(); i += 3, out += image.desc.pixel_stride) {
    for (std::size_t c = 0; c < 3; ++c) out[c] = (static_cast<float>(rgb[i + c]) - mean[c]) / scale[c];
  }
}

void arg_max(const TensorView& logits, std::span<std::int32_t> out) {
  const float* pixel = logits.as<float>();
  for (std::int32_t& best : out) {
    best = static_cast<std::int32_t>(std::max_element(pixel, pixel + logits.desc.c()) - pixel);
    pixel += logits.desc.pixel_stride;
  }
}

}  // namespace graphrun::session
