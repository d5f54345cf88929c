#include "datasets/augment.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace graphrun::datasets {

namespace {

std::int64_t offset_in(std::int64_t room, double fraction) {
  return std::min(room, static_cast<std::int64_t>(fraction * static_cast<double>(room + 1)));
}

double factor_y(const AugmentParams& params) { return params.scale / std::sqrt(params.aspect); }
double factor_x(const AugmentParams& params) { return params.scale * std::sqrt(params.aspect); }

Status check_sample(const Sample& sample, const AugmentParams& params, const std::int32_t* label) {
  const imaging::Image& image = sample.image;
  if (label != nullptr && sample.label.empty())
    return {ErrorCode::invalid_argument, "the sample has no label"};
  if (!sample.label.empty() && (sample.label.height != image.height || sample.label.width != image.width)) {
    return {ErrorCode::invalid_file, "the image is " + std::to_string(image.width) + " x " +
                                         std::to_string(image.height) + " but its label " +
                                         std::to_string(sample.label.width) + " x " +
                                         std::to_string(sample.label.height)};
  }
  const double height = std::nearbyint(static_cast<double>(image.height) * factor_y(params));
  const double width = std::nearbyint(static_cast<double>(image.width) * factor_x(params));
  if (!(height >= 1 && width >= 1 && height * width <= static_cast<double>(imaging::kMaxPixels))) {
    return {ErrorCode::invalid_argument, "an image of " + std::to_string(image.width) + " x " +
                                             std::to_string(image.height) + " cannot be scaled by " +
                                             std::to_string(params.scale)};
  }
  return {};
}

// The unused lane is divided as well.
Pixel pixel_of(const std::array<double, 3>& rgb) {
  return {
      Pixel::Lanes{static_cast<float>(rgb[0]), static_cast<float>(rgb[1]), static_cast<float>(rgb[2]), 1.0F}};
}

}  // namespace

Status validate(const AugmentSettings& settings) {
  const auto error = [](const char* what) { return Status(ErrorCode::invalid_argument, what); };
  constexpr std::int64_t kMaxSide = 1 << 14;
  if (settings.train_h < 1 || settings.train_w < 1 || settings.train_h > kMaxSide ||
      settings.train_w > kMaxSide) {
    return error("train_h and train_w: expected 1 to 16384");
  }
  if (!(settings.scale_min > 0 && settings.scale_min <= settings.scale_max && settings.scale_max <= 64)) {
    return error("scale_min and scale_max: expected 0 < scale_min <= scale_max <= 64");
  }
  if (!(settings.aspect_min > 0 && settings.aspect_min <= settings.aspect_max && settings.aspect_max <= 64)) {
    return error("aspect_min and aspect_max: expected 0 < aspect_min <= aspect_max <= 64");
  }
  if (!(settings.rotate_min >= -360 && settings.rotate_min <= settings.rotate_max &&
        settings.rotate_max <= 360)) {
    return error("rotate_min and rotate_max: expected -360 <= rotate_min <= rotate_max <= 360");
  }
  for (std::size_t c = 0; c < 3; ++c) {
    if (!std::isfinite(settings.mean[c]) || !std::isfinite(settings.std[c]) || settings.std[c] <= 0) {
      return error("mean and std: expected finite numbers, std above 0");
    }
  }
  return {};
}

AugmentParams draw(const AugmentSettings& settings, core::Random random) {
  AugmentParams params;
  if (!settings.augment) return params;
  params.scale = random.next_between(settings.scale_min, settings.scale_max);
  if (settings.aspect_min < settings.aspect_max) {
    params.aspect = random.next_between(settings.aspect_min, settings.aspect_max);
  } else {
    params.aspect = settings.aspect_min;
  }
  const bool turn = random.next_bool();
  const double angle = random.next_between(settings.rotate_min, settings.rotate_max);
  if (turn) params.angle = angle;
  params.blur = random.next_bool();
  params.flip = random.next_bool();
  const double top = random.next_double();
  params.crop = {top, random.next_double()};
  return params;
}

namespace {

void transform(const Sample& sample, const AugmentSettings& settings, const AugmentParams& params,
               AugmentScratch& scratch, float* image, std::int32_t* label) {
  const Scaling canvas =
      Scaling::make(sample.image.height, sample.image.width, factor_y(params), factor_x(params));
  const std::int64_t room_y = window_room(canvas.height, settings.train_h);
  const std::int64_t room_x = window_room(canvas.width, settings.train_w);
  Window window{settings.train_h, settings.train_w, room_y / 2, room_x / 2, params.flip};
  if (params.crop) {
    window.top = offset_in(room_y, (*params.crop)[0]);
    window.left = offset_in(room_x, (*params.crop)[1]);
  }
  const Pixel mean = pixel_of(settings.mean);
  // From the window backwards: what each step has to make.
  const Rect shown = window.shown(canvas);
  const Rect turned = params.blur ? grown(shown, canvas) : shown;
  std::optional<Rotation> turn;
  if (params.angle) turn = Rotation::make(canvas, *params.angle);
  const Rect scaled = turn ? turn->reads(turned, canvas) : turned;

  Patch* patch = &scratch.patches[0];
  Patch* spare = &scratch.patches[1];
  scale_patch(sample.image, canvas, scaled, scratch.steps, *patch);
  if (turn) {
    turn_patch(*patch, canvas, *turn, turned, mean, scratch.steps, *spare);
    std::swap(patch, spare);
  }
  if (params.blur) {
    blur_patch(*patch, canvas, shown, scratch.steps, *spare);
    std::swap(patch, spare);
  }
  write_image(*patch, canvas, window, mean, pixel_of(settings.std), image);
  if (label != nullptr) {
    write_label(sample.label, canvas, turn ? &*turn : nullptr, window, settings.ignore_label, scratch.steps,
                label);
  }
}

}  // namespace

Status apply(const Sample& sample, const AugmentSettings& settings, const AugmentParams& params,
             AugmentScratch& scratch, float* image, std::int32_t* label) {
  GRAPHRUN_TRY(check_sample(sample, params, label));
  transform(sample, settings, params, scratch, image, label);
  return {};
}

}  // namespace graphrun::datasets
