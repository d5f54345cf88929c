#include "runtime/session/image.h"

#include <algorithm>
#include <string>
#include <vector>

namespace graphrun::session {
namespace {

// That the tensor is an f32 map and the other side has `expected` elements for it.
Status check(const TensorView& map, std::size_t actual, std::int64_t of_a_pixel, const std::string& what) {
  const TensorDesc& desc = map.desc;
  if (map.data == nullptr) return {ErrorCode::invalid_argument, what + ": there is no such tensor"};
  if (desc.layout != Layout::nhwc || desc.dtype != DType::f32 || desc.shape.rank() != 4) {
    return {ErrorCode::shape, what + ": expected an f32 map (N, C, H, W), got " +
                                  std::string(to_string(desc.dtype)) + " " + to_string(desc.shape)};
  }
  const std::int64_t expected = desc.pixels() * of_a_pixel;
  if (actual == static_cast<std::size_t>(expected)) return {};
  return {ErrorCode::shape, what + ": expected " + std::to_string(expected) + " numbers for " +
                                to_string(desc.shape) + ", got " + std::to_string(actual)};
}

}  // namespace

Status normalise_image(const model::Preprocess& preprocess, std::span<const std::uint8_t> pixels,
                       const TensorView& image) {
  const std::size_t channels = preprocess.mean.size();
  GRAPHRUN_TRY(check(image, pixels.size(), static_cast<std::int64_t>(channels), "image"));
  if (image.desc.c() != static_cast<std::int64_t>(channels) || preprocess.std.size() != channels) {
    return {ErrorCode::shape, "image: preprocess is of " + std::to_string(channels) +
                                  " channels, the input has shape " + to_string(image.desc.shape)};
  }
  if (preprocess.stored != model::PixelType::u8)
    return {ErrorCode::invalid_argument, "image: the model's images are not stored as 8-bit pixels"};
  std::vector<float> mean;
  std::vector<float> scale;
  for (std::size_t c = 0; c < channels; ++c) {
    mean.push_back(static_cast<float>(preprocess.mean[c] * preprocess.value_scale));
    scale.push_back(static_cast<float>(preprocess.std[c] * preprocess.value_scale));
  }
  float* out = image.as<float>();
  for (std::size_t i = 0; i < pixels.size(); i += channels, out += image.desc.pixel_stride) {
    for (std::size_t c = 0; c < channels; ++c)
      out[c] = (static_cast<float>(pixels[i + c]) - mean[c]) / scale[c];
  }
  return {};
}

Status arg_max(const TensorView& logits, std::span<std::int32_t> out) {
  GRAPHRUN_TRY(check(logits, out.size(), 1, "logits"));
  const float* pixel = logits.as<float>();
  for (std::int32_t& best : out) {
    best = static_cast<std::int32_t>(std::max_element(pixel, pixel + logits.desc.c()) - pixel);
    pixel += logits.desc.pixel_stride;
  }
  return {};
}

}  // namespace graphrun::session
