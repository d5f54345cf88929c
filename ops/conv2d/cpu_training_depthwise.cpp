#include <algorithm>

#include "ops/common/compute_type.h"
#include "ops/conv2d/cpu_depthwise.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "runtime/cpu/lanes.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// conv2d_grad_weight of depthwise convolutions. Rows of gy are cut into pieces by their number alone; each
// piece has sums of its own, which are added in order.
namespace graphrun::ops::conv2d {
namespace {

using cpu::Lanes;
using depthwise::Reads;

// A row of gy with one of x.
template <class T>
struct Rows {
  std::int64_t channels, width;
  const T* gy;
  std::int64_t gy_stride;
  const T* x;
  std::int64_t x_stride;
  const Reads* columns;
  float* sums;  // (kernel width, channels): of the row alone
};

// kWidth taps at once where all are inside, so that gy is read once for all of them.
template <int kWidth, int kLanes, class T>
[[gnu::always_inline]] inline void add_whole(const Rows<T>& row, std::int64_t begin, std::int64_t end,
                                             std::int64_t c) {
  using L = Lanes<kLanes>;
  L sum[kWidth], g, value;
#pragma GCC unroll 8
  for (int k = 0; k < kWidth; ++k) sum[k].value = L().value;
  const T* gy = row.gy + begin * row.gy_stride + c;
  const T* x = row.x + (begin * row.columns->step + row.columns->offset) * row.x_stride + c;
  const std::int64_t step = row.columns->step * row.x_stride;
  const std::int64_t spacing = row.columns->spacing * row.x_stride;
  for (std::int64_t i = begin; i < end; ++i, gy += row.gy_stride, x += step) {
    L::load(gy, g);
#pragma GCC unroll 8
    for (int k = 0; k < kWidth; ++k) {
      L::load(x + k * spacing, value);
      sum[k].value += g.value * value.value;
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < kWidth; ++k) {
    float* const to = row.sums + k * row.channels + c;
    L::load(to, value);
    sum[k].value += value.value;
    L::store(sum[k], to);
  }
}

template <int kLanes, class T>
[[gnu::always_inline]] inline void add_pixel(const Rows<T>& row, std::int64_t i, std::int64_t c) {
  using L = Lanes<kLanes>;
  L g, value, sum;
  L::load(row.gy + i * row.gy_stride + c, g);
  const Reads::Tap* const taps = row.columns->of(i);
  for (std::int64_t k = 0; k < row.columns->count(i); ++k) {
    float* const to = row.sums + taps[k].tap * row.channels + c;
    L::load(row.x + taps[k].source * row.x_stride + c, value);
    L::load(to, sum);
    sum.value += g.value * value.value;
    L::store(sum, to);
  }
}

// kWidth: of the window; 0: any.
template <int kWidth, class T>
GRAPHRUN_SIMD void add_row(const Rows<T>& row) {
  const std::int64_t begin = kWidth > 0 ? row.columns->first_whole : row.width;
  const std::int64_t end = kWidth > 0 ? std::max(begin, row.columns->end_whole) : row.width;
  cpu::for_lanes(
      row.channels, [&](auto lanes, std::int64_t c) __attribute__((always_inline)) {
        constexpr int kLanes = decltype(lanes)::value;
        for (std::int64_t i = 0; i < begin; ++i) add_pixel<kLanes>(row, i, c);
        if constexpr (kWidth > 0) add_whole<kWidth, kLanes>(row, begin, end, c);
        for (std::int64_t i = end; i < row.width; ++i) add_pixel<kLanes>(row, i, c);
      });
}

template <class T>
using AddRow = void (*)(const Rows<T>& row);
template <class T>
AddRow<T> adder_of(std::int64_t kernel_width) {
  switch (kernel_width) {
    case 3:
      return add_row<3, T>;
    case 5:
      return add_row<5, T>;
    case 7:
      return add_row<7, T>;
    default:
      return add_row<0, T>;
  }
}

GRAPHRUN_SIMD void add_to(const float* from, std::int64_t count, double* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += static_cast<double>(from[i]);
}

template <class T>
class DepthwiseGradWeight final : public Kernel {
 public:
  DepthwiseGradWeight(const KernelRequest& request, const Geometry& g)
      : g_(g),
        rows_(depthwise::forward_reads(depthwise::rows_of(g), g.h, g.oh)),
        columns_(depthwise::forward_reads(depthwise::columns_of(g), g.w, g.ow)),
        add_(adder_of<T>(g.kw)),
        piece_((g.n * g.oh + kPieces - 1) / kPieces),
        pieces_(cpu::piece_count(g.n * g.oh, piece_)),
        bias_(request.output_present[1]),
        threads_(request.threads) {
    ScratchPlan scratch;
    if (request.output_present[0]) {
      sums_at_ = scratch.add(pieces_ * taps() * g.c * static_cast<std::int64_t>(sizeof(double)));
      row_at_ = scratch.add(pieces_ * g.kw * g.c * static_cast<std::int64_t>(sizeof(float)));
    }
    if (bias_) bias_at_ = scratch.add(bias_scratch_bytes(request.inputs[0]));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "depthwise"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  Status run(const KernelRun& run) override {
    if (run.outputs[0].data != nullptr) {
      cpu::parallel_for(threads_, pieces_, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t piece = begin; piece < end; ++piece) sum_piece(run, piece);
      });
      add_pieces(scratch_at<const double>(run.scratch, sums_at_), run.outputs[0].as<float>());
    }
    if (bias_)
      sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_),
                 threads_);
    return {};
  }

 private:
  static constexpr std::int64_t kPieces = 64;

  std::int64_t taps() const { return g_.kernel_positions(); }

  void sum_piece(const KernelRun& run, std::int64_t piece) const {
    const TensorView& gy = run.inputs[0];
    const TensorView& x = run.inputs[1];
    const std::int64_t row_floats = g_.kw * g_.c;
    auto* const sums = scratch_at<double>(run.scratch, sums_at_) + piece * taps() * g_.c;
    auto* const of_row = scratch_at<float>(run.scratch, row_at_) + piece * row_floats;
    std::fill_n(sums, taps() * g_.c, 0.0);
    const std::int64_t end = std::min(g_.n * g_.oh, (piece + 1) * piece_);
    for (std::int64_t i = piece * piece_; i < end; ++i) {
      const Reads::Tap* const rows = rows_.of(i % g_.oh);
      for (std::int64_t r = 0; r < rows_.count(i % g_.oh); ++r) {
        const std::int64_t source = i / g_.oh * g_.h + rows[r].source;
        std::fill_n(of_row, row_floats, 0.0f);
        add_({g_.c, g_.ow, gy.as<const T>() + i * g_.ow * gy.desc.pixel_stride, gy.desc.pixel_stride,
              x.as<const T>() + source * g_.w * x.desc.pixel_stride, x.desc.pixel_stride, &columns_, of_row});
        add_to(of_row, row_floats, sums + rows[r].tap * row_floats);
      }
    }
  }

  void add_pieces(const double* sums, float* gweight) const {
    for (std::int64_t c = 0; c < g_.c; ++c) {
      for (std::int64_t k = 0; k < taps(); ++k) {
        double sum = 0;
        for (std::int64_t piece = 0; piece < pieces_; ++piece) sum += sums[(piece * taps() + k) * g_.c + c];
        gweight[c * taps() + k] = static_cast<float>(sum);
      }
    }
  }

  Geometry g_;
  Reads rows_, columns_;
  AddRow<T> add_;
  std::int64_t piece_, pieces_;  // rows of gy in one; how many
  bool bias_;
  int threads_;
  std::int64_t sums_at_ = 0, row_at_ = 0, bias_at_ = 0, scratch_bytes_ = 0;
};

}  // namespace

Prepared prepare_depthwise_grad_weight(const KernelRequest& request) {
  const Geometry g = geometry_of(request.attrs, request.inputs[1], request.inputs[0]);
  GRAPHRUN_TRY(depthwise::require_depthwise(g));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    return std::unique_ptr<Kernel>(std::make_unique<DepthwiseGradWeight<T>>(request, g));
  });
}

}  // namespace graphrun::ops::conv2d
