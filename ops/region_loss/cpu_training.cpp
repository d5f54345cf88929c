#include "ops/common/function_kernel.h"
#include "ops/region_loss/cpu_kernels.h"
#include "ops/region_loss/cpu_sums.h"
#include "ops/region_loss/functions.h"
#include "ops/region_loss/types.h"

namespace graphrun::ops::region_loss {
namespace {

// The sums of types.h, and their gradient.
struct Overlap {
  static std::int64_t cells(std::int64_t classes) { return kSums * classes; }
  static std::int64_t labels(std::int64_t classes) { return classes; }
  static std::int64_t table_floats(std::int64_t classes) { return 2 * resize_cross_entropy::padded(classes); }

  template <class T>
  static void add_row(const Row<T>& row, float* blended, float* pixel, float* line, FixedSums sums,
                      std::int32_t* predictions);

  class Gradient {
   public:
    Gradient(const double* gtotals, std::int64_t classes, float* tables)
        : channels_(resize_cross_entropy::padded(classes)), overlap_(tables), predicted_(tables + channels_) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        tables[c] = c < classes ? static_cast<float>(gtotals[kOverlap * classes + c]) : 0.0f;
        tables[channels_ + c] = c < classes ? static_cast<float>(gtotals[kPredicted * classes + c]) : 0.0f;
      }
    }
    void operator()(float* pixel, float max, std::int32_t label) const {
      const float sum = numeric::row_exp(pixel, max, channels_, pixel);
      const float factor = 1 / sum;
      float mean = 0;
#pragma omp simd reduction(+ : mean)
      for (std::int64_t c = 0; c < channels_; ++c) {
        pixel[c] *= factor;
        mean += pixel[c] * predicted_[c];
      }
      const float own = pixel[label] * overlap_[label];
      mean += own;
      for (std::int64_t c = 0; c < channels_; ++c) pixel[c] *= predicted_[c] - mean;
      pixel[label] += own;
    }

   private:
    std::int64_t channels_;
    const float* overlap_;
    const float* predicted_;
  };
};

// Adds the probabilities of the row's valid pixels to `line` and those of labels to `sums`.
template <class T>
GRAPHRUN_SIMD void add_probabilities(const Row<T>& row, float* blended, float* pixel, float* line,
                                     FixedSums& sums, std::int32_t* predictions) {
  const std::int64_t channels = resize_cross_entropy::padded(row.channels);
  row.blend(blended);
  for (std::int64_t c = 0; c < channels; ++c) line[c] = 0;
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) continue;
    const float max = row.blend_pixel(blended, x, pixel);
    const std::int32_t best = numeric::row_find(pixel, max, channels);
    predictions[x] = best < row.channels ? best : 0;
    const float factor = 1 / numeric::row_exp(pixel, max, channels, pixel);
    for (std::int64_t c = 0; c < channels; ++c) line[c] += factor * pixel[c];
    sums.add(kOverlap * row.channels + label, static_cast<double>(factor * pixel[label]));
    sums.add_one(kLabelled * row.channels + label);
  }
}

template <class T>
void Overlap::add_row(const Row<T>& row, float* blended, float* pixel, float* line, FixedSums sums,
                      std::int32_t* predictions) {
  add_probabilities(row, blended, pixel, line, sums, predictions);
  for (std::int64_t c = 0; c < row.channels; ++c)
    sums.add(kPredicted * row.channels + c, static_cast<double>(line[c]));
}

OverlapLoss loss_of(const Attributes& attrs) {
  return {.rule = {attrs.real("alpha"), attrs.real("beta"), attrs.real("gamma"), attrs.real("smooth")},
          .classes = 0,
          .totals = nullptr,
          .weights = nullptr,
          .loss = nullptr};
}
void bind_loss(OverlapLoss& to, const KernelRun& run, std::size_t totals) {
  to.classes = run.inputs[totals].desc.shape[1];
  to.totals = run.inputs[totals].as<const double>();
  to.weights = run.inputs[totals + 1].as<const float>();
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest& request) {
  return make_function_kernel("region_loss", 0, [loss = loss_of(request.attrs)](const KernelRun& run) {
    OverlapLoss bound = loss;
    bind_loss(bound, run, 0);
    bound.loss = run.outputs[0].as<float>();
    bound(0);
  });
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest& request) {
  return make_function_kernel("region_loss_grad", 0, [loss = loss_of(request.attrs)](const KernelRun& run) {
    OverlapLossGrad bound{loss, run.inputs[0].as<const float>(), run.outputs[0].as<double>()};
    bind_loss(bound.forward, run, 1);
    bound(0);
  });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  std::vector<KernelEntry> all{
      {"region_totals", "region_totals", prepare_sums<TotalsKernel, Overlap, 0>},
      {"region_grad", "region_grad", prepare_sums<GradKernel, Overlap, 1>},
      {"resize_region_totals", "resize_region_totals", prepare_sums<TotalsKernel, Overlap, 0>},
      {"resize_region_grad", "resize_region_grad", prepare_sums<GradKernel, Overlap, 1>},
      {"region_loss", "region_loss", prepare_loss},
      {"region_loss_grad", "region_loss_grad", prepare_loss_grad}};
  append(all, lovasz_kernels());
  return all;
}

}  // namespace graphrun::ops::region_loss
