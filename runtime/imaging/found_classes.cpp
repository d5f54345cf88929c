#include "runtime/imaging/found_classes.h"

#include <algorithm>

#include "runtime/cpu/simd.h"
#include "runtime/numeric/log.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::imaging {
namespace {

GRAPHRUN_SIMD void find_ids(const float* values, std::int64_t pixels, std::int64_t classes, ClassId* ids) {
  for (std::int64_t p = 0; p < pixels; ++p, values += classes)
    ids[p] = static_cast<ClassId>(numeric::row_find(values, numeric::row_max(values, classes), classes));
}

// Exponentials are one loop over all pixels, which fills vectors for any number of classes.
GRAPHRUN_SIMD void exponentials(std::int64_t count, float sharpness, float* e) {
  for (std::int64_t i = 0; i < count; ++i) e[i] = numeric::exp_float(sharpness * e[i]);
}

// Powers of sums of probabilities, of which the largest of each pixel becomes 1.
GRAPHRUN_SIMD void powers(std::int64_t pixels, std::int64_t classes, float sharpness, const ClassId* ids,
                          float* sums) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    float* const own = sums + p * classes;
    const float scale = 1.0f / own[ids[p]];
    for (std::int64_t c = 0; c < classes; ++c) own[c] *= scale;
  }
  for (std::int64_t i = 0; i < pixels * classes; ++i) {
    const float power = numeric::exp_float(sharpness * numeric::log_float(sums[i]));
    sums[i] = sums[i] > 0 ? power : 0.0f;
  }
}

// The share of each pixel's class in the sum over its classes.
GRAPHRUN_SIMD void find_shares(const float* values, std::int64_t pixels, std::int64_t classes,
                               const ClassId* ids, float* shares) {
  for (std::int64_t p = 0; p < pixels; ++p, values += classes) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < classes; ++c) sum += values[c];
    shares[p] = values[ids[p]] / sum;
  }
}

// The shares of all classes; no earlier one is as large as that of the pixel's class, and no later one
// larger.
GRAPHRUN_SIMD void find_all_shares(float* values, std::int64_t pixels, std::int64_t classes,
                                   const FoundClasses& found) {
  for (std::int64_t p = 0; p < pixels; ++p, values += classes) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < classes; ++c) sum += values[c];
    const std::int64_t id = found.ids[p];
    const float best = values[id] / sum;
    const float below = best * (1 - 0x1p-24f);  // rounds to the next smaller number
    for (std::int64_t c = 0; c < classes; ++c) {
      const float most = c < id ? below : best;
      const float share = values[c] / sum;
      found.probabilities[c * found.plane + p] = share > most ? most : share;
    }
  }
}

}  // namespace

void find_classes(float* values, Evidence evidence, std::int64_t pixels, std::int64_t classes,
                  const FoundClasses& found) {
  find_ids(values, pixels, classes, found.ids);
  if (found.confidence == nullptr && found.probabilities == nullptr) return;
  if (evidence == Evidence::logits) {
    exponentials(pixels * classes, found.sharpness, values);
  } else if (found.sharpness != 1) {
    powers(pixels, classes, found.sharpness, found.ids, values);
  }
  if (found.confidence != nullptr) find_shares(values, pixels, classes, found.ids, found.confidence);
  if (found.probabilities != nullptr) find_all_shares(values, pixels, classes, found);
}

}  // namespace graphrun::imaging
