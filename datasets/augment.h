#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "datasets/color_distortion.h"
#include "datasets/sample.h"
#include "datasets/transform.h"
#include "graphrun/status.h"
#include "runtime/core/random.h"

// From a sample to the network's input. The draws are apart from their use, so that a given draw can be
// repeated.
namespace graphrun::datasets {

inline constexpr std::size_t kCropTries = 10;

struct AugmentSettings {
  std::int64_t train_h = 0;
  std::int64_t train_w = 0;
  double scale_min = 0.5;
  double scale_max = 2.0;
  double aspect_min = 1;  // of width to height, before and after
  double aspect_max = 1;
  double rotate_min = -10;  // degrees
  double rotate_max = 10;
  bool blur = true;  // of half of the images
  ColorRanges colors;
  // Largest part of a crop's labelled pixels that one class may have; crops where it has more, or that have
  // one class alone, are drawn again, kCropTries times at most. 1: any crop.
  double cat_max_ratio = 1;
  std::int32_t ignore_label = 255;
  // Mean and deviation of each channel's numbers as they are stored. Colours are distorted where there are 3
  // of 8 bits.
  std::vector<double> mean{0.485 * 255, 0.456 * 255, 0.406 * 255};
  std::vector<double> std{0.229 * 255, 0.224 * 255, 0.225 * 255};
  bool augment = true;  // false: no random transform, centre crop

  std::int64_t channels() const { return static_cast<std::int64_t>(mean.size()); }
};

Status validate(const AugmentSettings& settings);

// One sample's random choices, in the order in which they are applied. The default is no transform, centre
// crop.
struct AugmentParams {
  double scale = 1;
  double aspect = 1;            // width times its root, height divided by it
  std::optional<double> angle;  // degrees
  bool blur = false;
  bool flip = false;
  // Where in its room the crop lies, [0, 1) each for rows and columns; empty: in the middle, rounded down.
  std::optional<std::array<double, 2>> crop;
  // Crops to take instead, one after the other, as long as one class has too much of them.
  std::vector<std::array<double, 2>> other_crops;
  ColorDistortion colors;
};

// Scale, aspect and angle uniform in their ranges, the angle, blur and flip each with probability 1/2, the
// crop uniform; colours as ColorDistortion says.
AugmentParams draw(const AugmentSettings& settings, core::Random random);

// Memory that apply() uses again from sample to sample: one for each thread.
struct AugmentScratch {
  Patch patches[2];
  TransformScratch steps;
  std::vector<std::int64_t> counts;  // of the pixels of a crop, by class
};

// Scale, rotate, blur, flip, distort colours, pad and crop, normalise. `image` takes (train_h, train_w,
// channels) floats, `label` (train_h, train_w) class ids with ignore_label; `label` may be null and is
// required to be for a sample without one. Errors: a sample that the scale makes empty or larger than
// kMaxPixels, or whose label has another size; an image of another number of channels.
Status apply(const Sample& sample, const AugmentSettings& settings, const AugmentParams& params,
             AugmentScratch& scratch, float* image, std::int32_t* label);

}  // namespace graphrun::datasets
