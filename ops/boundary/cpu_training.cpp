#include <cmath>
#include <limits>

#include "ops/boundary/body.h"
#include "ops/boundary/kernel_bodies.h"
#include "ops/common/body_kernel.h"
#include "ops/common/function_kernel.h"
#include "ops/region_loss/cpu_sums.h"

namespace graphrun::ops::boundary {
namespace {

using region_loss::Geometry;
using region_loss::Labels;
using region_loss::Row;

struct RowTotals {
  double on = 0, off = 0;
  std::int64_t count_on = 0, count_off = 0;
};

template <class T>
GRAPHRUN_SIMD RowTotals total_row(const Row<T>& row, float* blended, float* pixel) {
  row.blend(blended);
  RowTotals totals;
  for (std::int64_t x = 0; x < row.width; ++x) {
    if (row.label[x] == row.ignore) continue;
    row.blend_pixel(blended, x, pixel);
    const bool on = row.label[x] == 1;
    (on ? totals.on : totals.off) += static_cast<double>(binary_loss(pixel[0], on));
    ++(on ? totals.count_on : totals.count_off);
  }
  return totals;
}

template <class T>
class Totals final : public Kernel {
 public:
  explicit Totals(const KernelRequest& request)
      : name_(request.def.name),
        geometry_(request.threads, region_loss::rule_of(request), request.inputs[0], request.inputs[1]),
        ignore_label_(request.attrs.integer("ignore_label")) {
    const Shape& label = request.inputs[1].shape;
    rows_ = geometry_.scratch.add(label[0] * label[1] * static_cast<std::int64_t>(sizeof(RowTotals)));
  }
  std::string_view name() const override { return name_; }
  std::int64_t scratch_bytes() const override { return geometry_.scratch.bytes(); }

  Status run(const KernelRun& run) override {
    const Labels labels(run.inputs[1], {}, {}, 2, ignore_label_);
    GRAPHRUN_TRY(check_labels(labels));
    auto* rows = scratch_at<RowTotals>(run.scratch, rows_);
    cpu::parallel_for(geometry_.threads, labels.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        rows[i] = total_row(geometry_.row<T>(labels, run.inputs[0], i), geometry_.blended(run.scratch),
                            geometry_.pixel(run.scratch));
    });
    RowTotals all;
    for (std::int64_t i = 0; i < labels.rows(); ++i) {
      all.on += rows[i].on;
      all.off += rows[i].off;
      all.count_on += rows[i].count_on;
      all.count_off += rows[i].count_off;
    }
    auto* totals = run.outputs[0].as<double>();
    totals[0] = all.on;
    totals[1] = all.off;
    totals[2] = static_cast<double>(all.count_on);
    totals[3] = static_cast<double>(all.count_off);
    return {};
  }

 private:
  std::string_view name_;
  Geometry geometry_;
  std::int64_t ignore_label_;
  std::int64_t rows_ = 0;
};

// For GradKernel, which knows the sums by their gradient.
struct Boundary {
  static std::int64_t labels(std::int64_t) { return 2; }
  static std::int64_t table_floats(std::int64_t) { return 0; }
  class Gradient {
   public:
    Gradient(const double* gtotals, std::int64_t, float*)
        : of_on_(static_cast<float>(gtotals[0])), of_off_(static_cast<float>(gtotals[1])) {}
    void operator()(float* pixel, float, std::int32_t label) const {
      pixel[0] = binary_gradient(pixel[0], label == 1, of_on_, of_off_);
      for (std::int64_t c = 1; c < resize_cross_entropy::padded(1); ++c) pixel[c] = 0;
    }

   private:
    float of_on_, of_off_;
  };
};

template <class Sum, class T>
using TotalsOf = Totals<T>;

[[gnu::flatten]] GRAPHRUN_SIMD void boundary_rows(const LabelBoundary& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void select_pixels(const SelectLabel<T>& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

Result<std::unique_ptr<Kernel>> prepare_boundary(const KernelRequest& request) {
  const LabelBoundary body = make_label_boundary(request);
  const Shape& label = request.inputs[0].shape;
  return make_body_kernel("label_boundary", body, bind_label_boundary, boundary_rows, label[0] * label[1],
                          label[2] * body.side * body.side, request.threads);
}

Result<std::unique_ptr<Kernel>> prepare_select(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    return make_body_kernel("select_label", make_select_label<T>(request), bind_select_label<T>,
                            select_pixels<T>, request.inputs[0].shape.count(), 2, request.threads);
  });
}

Result<std::unique_ptr<Kernel>> prepare_loss(const KernelRequest&) {
  return make_function_kernel("boundary_loss", 0, [](const KernelRun& run) {
    BoundaryLoss{run.inputs[0].as<const double>(), run.outputs[0].as<float>()}(0);
  });
}

Result<std::unique_ptr<Kernel>> prepare_loss_grad(const KernelRequest&) {
  return make_function_kernel("boundary_loss_grad", 0, [](const KernelRun& run) {
    BoundaryLossGrad{run.inputs[0].as<const float>(), run.inputs[1].as<const double>(),
                     run.outputs[0].as<double>()}(0);
  });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  using region_loss::GradKernel;
  using region_loss::prepare_sums;
  return {{"boundary_totals", "boundary_totals", prepare_sums<TotalsOf, Boundary, 0>},
          {"boundary_grad", "boundary_grad", prepare_sums<GradKernel, Boundary, 1>},
          {"resize_boundary_totals", "resize_boundary_totals", prepare_sums<TotalsOf, Boundary, 0>},
          {"resize_boundary_grad", "resize_boundary_grad", prepare_sums<GradKernel, Boundary, 1>},
          {"boundary_loss", "boundary_loss", prepare_loss},
          {"boundary_loss_grad", "boundary_loss_grad", prepare_loss_grad},
          {"label_boundary", "label_boundary", prepare_boundary},
          {"select_label", "select_label", prepare_select}};
}

}  // namespace graphrun::ops::boundary
