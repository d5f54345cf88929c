#pragma once

#include <cstdint>

#include "runtime/imaging/image.h"

namespace graphrun::imaging {

// Where what is found of pixels goes, row by row.
struct FoundClasses {
  ClassId* ids = nullptr;
  float* confidence = nullptr;     // probability of the class; null: not wanted
  float* probabilities = nullptr;  // of all classes, a plane each; null: not wanted
  std::int64_t plane = 0;          // pixels of a plane
  // 1 / T of a calibration (Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks", ICML
  // 2017): probabilities p become p^(1/T), divided by their sum. It changes no class.
  float sharpness = 1;

  FoundClasses from(std::int64_t pixel) const {
    return {ids + pixel, confidence == nullptr ? nullptr : confidence + pixel,
            probabilities == nullptr ? nullptr : probabilities + pixel, plane, sharpness};
  }
};

// What the values of pixels are.
enum class Evidence : std::uint8_t {
  probability_sums,  // each pixel's class has its share of them as probability
  logits,            // less the largest of the pixel
};

// The class with the largest value of each pixel, the first of equal ones; and, where they are wanted, the
// probabilities. `values` holds the classes of the first pixel, then those of the second; it is written over.
// The first of a pixel's largest probabilities is that of its class, also where others are as large but for
// rounding.
void find_classes(float* values, Evidence evidence, std::int64_t pixels, std::int64_t classes,
                  const FoundClasses& found);

}  // namespace graphrun::imaging
