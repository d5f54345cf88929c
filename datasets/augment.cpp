#include "datasets/augment.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace graphrun::datasets {

namespace {

std::int64_t offset_in(std::int64_t room, double fraction) {
  return std::min(room, static_cast<std::int64_t>(fraction * static_cast<double>(room + 1)));
}

double factor_y(const AugmentParams& params) { return params.scale / std::sqrt(params.aspect); }
double factor_x(const AugmentParams& params) { return params.scale * std::sqrt(params.aspect); }

Status check_sample(const Sample& sample, std::int64_t channels, const AugmentParams& params,
                    const std::int32_t* label) {
  const imaging::Image& image = sample.image;
  if (image.channels != channels) {
    return {ErrorCode::invalid_argument, "the image has " + std::to_string(image.channels) +
                                             " channels, the network takes " + std::to_string(channels)};
  }
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

// The group's numbers. Unused lanes are divided as well.
Pixel pixel_of(const std::vector<double>& numbers, const ChannelGroup& group) {
  Pixel pixel{Pixel::Lanes{1.0F, 1.0F, 1.0F, 1.0F}};
  for (std::int64_t c = 0; c < group.count; ++c)
    pixel.lanes[c] = static_cast<float>(numbers[static_cast<std::size_t>(group.first + c)]);
  return pixel;
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
  const ColorRanges& colors = settings.colors;
  if (!(colors.brightness >= 0 && colors.brightness <= 255 && colors.contrast >= 0 && colors.contrast <= 1 &&
        colors.saturation >= 0 && colors.saturation <= 1 && colors.hue >= 0 && colors.hue <= 180)) {
    return error(
        "colours: expected brightness 0 to 255, contrast and saturation 0 to 1, hue 0 to 180 degrees");
  }
  if (!(settings.cat_max_ratio > 0 && settings.cat_max_ratio <= 1))
    return error("cat_max_ratio: expected more than 0, at most 1");
  if (settings.mean.empty() || settings.mean.size() != settings.std.size() ||
      settings.channels() > imaging::kMaxChannels)
    return error("mean and std: expected a number of each for 1 to 64 channels");
  for (std::size_t c = 0; c < settings.mean.size(); ++c) {
    if (!std::isfinite(settings.mean[c]) || !std::isfinite(settings.std[c]) || settings.std[c] <= 0) {
      return error("mean and std: expected finite numbers, std above 0");
    }
  }
  return {};
}

namespace {

std::array<double, 2> draw_crop(core::Random& random) {
  const double top = random.next_double();
  return {top, random.next_double()};
}

}  // namespace

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
  params.blur = random.next_bool() && settings.blur;
  params.flip = random.next_bool();
  params.crop = draw_crop(random);
  // What few use is drawn last, so that the others' draws are what they were.
  if (settings.cat_max_ratio < 1) {
    for (std::size_t i = 0; i < kCropTries; ++i) params.other_crops.push_back(draw_crop(random));
  }
  if (settings.colors.any()) params.colors = draw(settings.colors, random);
  return params;
}

namespace {

// Whether two classes or more are in the crop, none with more than the part `most`.
bool is_mixed(const std::int32_t* label, std::int64_t pixels, std::int32_t ignore, double most,
              std::vector<std::int64_t>& counts) {
  counts.clear();
  for (std::int64_t i = 0; i < pixels; ++i) {
    if (label[i] == ignore || label[i] < 0) continue;
    const auto at = static_cast<std::size_t>(label[i]);
    if (at >= counts.size()) counts.resize(at + 1, 0);
    ++counts[at];
  }
  const std::int64_t all = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const std::int64_t largest = counts.empty() ? 0 : *std::ranges::max_element(counts);
  return largest < all && static_cast<double>(largest) < most * static_cast<double>(all);
}

class Crop {
 public:
  Crop(const Sample& sample, const AugmentSettings& settings, const AugmentParams& params,
       AugmentScratch& scratch)
      : sample_(sample),
        settings_(settings),
        params_(params),
        scratch_(scratch),
        canvas_(Scaling::make(sample.image.height, sample.image.width, factor_y(params), factor_x(params))) {
    if (params.angle) turn_ = Rotation::make(canvas_, *params.angle);
  }

  void write(float* image, std::int32_t* label) {
    Window window = window_at(params_.crop);
    if (label != nullptr) {
      write_labels(window, label);
      for (const std::array<double, 2>& other : params_.other_crops) {
        if (is_mixed(label, settings_.train_h * settings_.train_w, settings_.ignore_label,
                     settings_.cat_max_ratio, scratch_.counts))
          break;
        window = window_at(other);
        write_labels(window, label);
      }
    }
    write_pixels(window, image);
  }

 private:
  Window window_at(const std::optional<std::array<double, 2>>& crop) const {
    const std::int64_t room_y = window_room(canvas_.height, settings_.train_h);
    const std::int64_t room_x = window_room(canvas_.width, settings_.train_w);
    Window window{settings_.train_h, settings_.train_w, room_y / 2, room_x / 2, params_.flip};
    if (crop) {
      window.top = offset_in(room_y, (*crop)[0]);
      window.left = offset_in(room_x, (*crop)[1]);
    }
    return window;
  }

  void write_labels(const Window& window, std::int32_t* label) {
    write_label(sample_.label, canvas_, turn_ ? &*turn_ : nullptr, window, settings_.ignore_label,
                scratch_.steps, label);
  }

  void write_pixels(const Window& window, float* image) {
    if (sample_.image.is_rgb()) return write_channels(window, {0, 3}, image);
    constexpr std::int64_t kLanes = 4;
    const std::int64_t channels = settings_.channels();
    for (std::int64_t first = 0; first < channels; first += kLanes)
      write_channels(window, {first, std::min(kLanes, channels - first)}, image);
  }

  void write_channels(const Window& window, const ChannelGroup& group, float* image) {
    const Pixel mean = pixel_of(settings_.mean, group);
    // From the window backwards: what each step has to make.
    const Rect shown = window.shown(canvas_);
    const Rect turned = params_.blur ? grown(shown, canvas_) : shown;
    const Rect scaled = turn_ ? turn_->reads(turned, canvas_) : turned;

    Patch* patch = &scratch_.patches[0];
    Patch* spare = &scratch_.patches[1];
    scale_patch(sample_.image, group, canvas_, scaled, scratch_.steps, *patch);
    if (turn_) {
      turn_patch(*patch, canvas_, *turn_, turned, mean, scratch_.steps, *spare);
      std::swap(patch, spare);
    }
    if (params_.blur) {
      blur_patch(*patch, canvas_, shown, scratch_.steps, *spare);
      std::swap(patch, spare);
    }
    if (sample_.image.is_rgb()) distort(params_.colors, *patch);
    write_image(*patch, group, settings_.channels(), canvas_, window, mean, pixel_of(settings_.std, group),
                image);
  }

  const Sample& sample_;
  const AugmentSettings& settings_;
  const AugmentParams& params_;
  AugmentScratch& scratch_;
  Scaling canvas_;
  std::optional<Rotation> turn_;
};

}  // namespace

Status apply(const Sample& sample, const AugmentSettings& settings, const AugmentParams& params,
             AugmentScratch& scratch, float* image, std::int32_t* label) {
  GRAPHRUN_TRY(check_sample(sample, settings.channels(), params, label));
  Crop(sample, settings, params, scratch).write(image, label);
  return {};
}

}  // namespace graphrun::datasets
