#include "ops/common/function_kernel.h"
#include "ops/region_loss/cpu_kernels.h"
#include "ops/region_loss/cpu_sums.h"
#include "ops/region_loss/functions.h"
#include "ops/region_loss/types.h"

namespace graphrun::ops::region_loss {
namespace {

struct Errors {
  static std::int64_t cells(std::int64_t classes) { return kErrorSums * classes * kErrorBins; }
  static std::int64_t labels(std::int64_t classes) { return classes; }
  static std::int64_t table_floats(std::int64_t classes) { return 2 * classes * kErrorBins; }

  template <class T>
  static void add_row(const Row<T>& row, float* blended, float* pixel, float* line, FixedSums sums,
                      std::int32_t* predictions);

  // Looks up what the sum of errors of a class and bin gets.
  class Gradient {
   public:
    Gradient(const double* gtotals, std::int64_t classes, float* tables)
        : classes_(classes), hits_(tables), misses_(tables + classes * kErrorBins) {
      const std::int64_t cells = classes * kErrorBins;
      for (std::int64_t i = 0; i < 2 * cells; ++i)
        tables[i] = static_cast<float>(gtotals[kHitSum * cells + i]);
    }
    void operator()(float* pixel, float max, std::int32_t label) const {
      const std::int64_t channels = resize_cross_entropy::padded(classes_);
      const float factor = 1 / numeric::row_exp(pixel, max, channels, pixel);
      float mean = 0;
      float at_label = 0;
      for (std::int64_t c = 0; c < classes_; ++c) {
        pixel[c] *= factor;
        const float slope = by_probability(c, label, pixel[c]);
        at_label = c == label ? slope : at_label;
        mean += pixel[c] * slope;
      }
      for (std::int64_t c = 0; c < classes_; ++c) {
        const float slope = c == label ? at_label : by_probability(c, label, pixel[c]);
        pixel[c] *= slope - mean;
      }
      for (std::int64_t c = classes_; c < channels; ++c) pixel[c] = 0;
    }

   private:
    float by_probability(std::int64_t c, std::int32_t label, float p) const {
      const float error = error_of(p, c == label);
      if (!(error >= 0)) return error;  // not a number
      const std::int64_t cell = c * kErrorBins + error_bin(error);
      return c == label ? -hits_[cell] : misses_[cell];
    }

    std::int64_t classes_;
    const float* hits_;
    const float* misses_;
  };
};

template <class T>
GRAPHRUN_SIMD std::int32_t probabilities(const Row<T>& row, const float* blended, std::int64_t x,
                                         float* pixel) {
  const std::int64_t channels = resize_cross_entropy::padded(row.channels);
  const float max = row.blend_pixel(blended, x, pixel);
  const std::int32_t best = numeric::row_find(pixel, max, channels);
  const float factor = 1 / numeric::row_exp(pixel, max, channels, pixel);
  for (std::int64_t c = 0; c < channels; ++c) pixel[c] *= factor;
  return best < row.channels ? best : 0;
}

template <class T>
void Errors::add_row(const Row<T>& row, float* blended, float* pixel, float*, FixedSums sums,
                     std::int32_t* predictions) {
  row.blend(blended);
  const std::int64_t cells = row.channels * kErrorBins;
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) continue;
    predictions[x] = probabilities(row, blended, x, pixel);
    for (std::int64_t c = 0; c < row.channels; ++c) {
      const float error = error_of(pixel[c], c == label);
      const std::int64_t cell = c * kErrorBins + (error >= 0 ? error_bin(error) : 0);
      sums.add_one((c == label ? kHitCount : kMissCount) * cells + cell);
      sums.add((c == label ? kHitSum : kMissSum) * cells + cell, static_cast<double>(error));
    }
  }
}

// The terms of the classes, in scratch.
void find_terms(const TensorView& totals, const TensorView& weights, double* terms) {
  const std::int64_t classes = totals.desc.shape[1];
  const LovaszClass of{{totals.as<const double>(), classes}, weights.as<const float>(), terms};
  for (std::int64_t c = 0; c < classes; ++c) of(c);
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest& request) {
  const std::int64_t bytes = request.inputs[0].shape[1] * 16;
  return make_function_kernel("lovasz_loss", bytes, [](const KernelRun& run) {
    auto* terms = static_cast<double*>(run.scratch);
    find_terms(run.inputs[0], run.inputs[1], terms);
    LovaszMean{terms, run.inputs[0].desc.shape[1], run.outputs[0].as<float>()}(0);
  });
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest& request) {
  const std::int64_t bytes = request.inputs[1].shape[1] * 16;
  return make_function_kernel("lovasz_loss_grad", bytes, [](const KernelRun& run) {
    auto* terms = static_cast<double*>(run.scratch);
    find_terms(run.inputs[1], run.inputs[2], terms);
    const std::int64_t classes = run.inputs[1].desc.shape[1];
    const LovaszGrad of{{run.inputs[1].as<const double>(), classes},
                        terms,
                        run.inputs[0].as<const float>(),
                        run.outputs[0].as<double>()};
    for (std::int64_t c = 0; c < classes; ++c) of(c);
  });
}

}  // namespace

std::vector<KernelEntry> lovasz_kernels() {
  return {{"lovasz_totals", "lovasz_totals", prepare_sums<TotalsKernel, Errors, 0>},
          {"lovasz_grad", "lovasz_grad", prepare_sums<GradKernel, Errors, 1>},
          {"resize_lovasz_totals", "resize_lovasz_totals", prepare_sums<TotalsKernel, Errors, 0>},
          {"resize_lovasz_grad", "resize_lovasz_grad", prepare_sums<GradKernel, Errors, 1>},
          {"lovasz_loss", "lovasz_loss", prepare_loss},
          {"lovasz_loss_grad", "lovasz_loss_grad", prepare_loss_grad}};
}

}  // namespace graphrun::ops::region_loss
