#pragma once

#include "datasets/transform.h"
#include "runtime/core/random.h"

// Photometric distortion: Howard 2013 (arXiv:1312.5402), in the form that SSD (Liu et al. 2016,
// arXiv:1512.02325) gave it and segmentation codes share.
namespace graphrun::datasets {

// How far colours are changed at most; 0: not at all.
struct ColorRanges {
  double brightness = 0;  // is added, of 255
  double contrast = 0;    // colours are multiplied by 1 - contrast to 1 + contrast
  double saturation = 0;  // and saturation, in HSV, by 1 - saturation to 1 + saturation
  double hue = 0;         // degrees, is added

  bool any() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
};

// One image's change. The default is none.
struct ColorDistortion {
  double brightness = 0;
  double contrast = 1;
  double saturation = 1;
  double hue = 0;
  bool contrast_last = false;  // after saturation and hue, instead of before them

  bool changes() const { return brightness != 0 || contrast != 1 || saturation != 1 || hue != 0; }
};

// Each of the four with probability 1/2, uniform in its range; contrast comes last with probability 1/2.
ColorDistortion draw(const ColorRanges& ranges, core::Random& random);

// Brightness, contrast, saturation, hue in their order, each result cut to 0..255.
void distort(const ColorDistortion& distortion, Patch& patch);

}  // namespace graphrun::datasets
