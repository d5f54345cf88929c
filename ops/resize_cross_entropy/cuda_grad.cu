#include "ops/common/compute_type.h"
#include "ops/common/cuda_channels.cuh"
#include "ops/common/function_kernel.h"
#include "ops/common/interpolation.h"
#include "ops/common/scratch.h"
#include "ops/resize_cross_entropy/cuda_logit.cuh"
#include "ops/resize_cross_entropy/cuda_scan.cuh"

// The gradient: a pass finds the sum of exponentials of each pixel; then a warp walks along the labels
// between two rows of logits, a cell between four pixels of logits at a time. Its threads have classes of
// their own, whose sums for the four pixels never leave registers: those of the right edge are the next
// cell's left. What a warp has for the pixels above and below is a part, and the parts of a pixel are added
// last.
namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::DeviceLabels;

constexpr int kGradThreads = 128;
constexpr int kGradWarps = kGradThreads / 32;
constexpr unsigned kAll = 0xffffffffu;

// How the work is cut: each warp takes one strip of labels between two rows of logits, `cells` of its cells,
// and `kPer` * 32 classes. It writes parts[2][classes] (above, below) for each of `cells` + 1 columns.
struct Cut {
  int cells;
  int segments;  // of a strip
  int groups;    // of classes

  __host__ __device__ int64_t part(int64_t strip, int segment, int slot) const {
    return ((strip * segments + segment) * (cells + 1) + slot) * 2;
  }
};

template <class T>
struct GradJob {
  DeviceLabels labels;
  const double* gtotals;
  const T* logits;
  int64_t stride;
  int images, low_h, low_w, h, w;
  const numeric::InterpolationWeights* rows;
  const numeric::InterpolationWeights* columns;
  const int32_t* row_readers;
  const int32_t* column_readers;
  const float* log_sums;
  float* parts;
  Cut cut;
};

// A valid pixel, as all threads of a warp read it.
struct alignas(16) Target {
  float right_weight;
  float log_sum;
  float scale;  // of the gradient
  int32_t label;
};

// Logits of a column of two pixels, or their gradient's sums, for a thread's classes.
template <int kPer>
struct Column {
  float above[kPer], below[kPer];

  __device__ void clear() {
#pragma unroll
    for (int k = 0; k < kPer; ++k) above[k] = below[k] = 0;
  }
};

template <int kPer, class T>
class Walk {
 public:
  __device__ Walk(const GradJob<T>& job, int64_t strip, int segment, int first_class, Target* targets)
      : job_(job),
        strip_(strip),
        segment_(segment),
        image_(static_cast<int>(strip / job.low_h)),
        row_(static_cast<int>(strip - static_cast<int64_t>(image_) * job.low_h)),
        lane_(static_cast<int>(threadIdx.x) % 32),
        class_(first_class + lane_),
        gradient_(static_cast<float>(job.gtotals[0])),
        targets_(targets) {}

  __device__ void run() {
    const int first = segment_ * job_.cut.cells;
    const int last = min(first + job_.cut.cells, job_.low_w);
    Column<kPer> left, right, left_sum, right_sum;
    load(first, right);
    right_sum.clear();
#pragma unroll 1
    for (int cell = first; cell < last; ++cell) {
      left = right;
      left_sum = right_sum;
      right_sum.clear();
      load(min(cell + 1, job_.low_w - 1), right);
      walk_cell(cell, left, right, left_sum, right_sum);
      store(cell - first, left_sum);
    }
    store(last - first, right_sum);
  }

 private:
  // In units of ln 2.
  __device__ void load(int column, Column<kPer>& to) const {
    const int below = min(row_ + 1, job_.low_h - 1);
    const int64_t image = static_cast<int64_t>(image_) * job_.low_h;
    const T* above_at = job_.logits + ((image + row_) * job_.low_w + column) * job_.stride;
    const T* below_at = job_.logits + ((image + below) * job_.low_w + column) * job_.stride;
#pragma unroll
    for (int k = 0; k < kPer; ++k) {
      const int c = class_ + 32 * k;
      const bool has = c < job_.labels.classes;
      to.above[k] = has ? static_cast<float>(above_at[c]) * kLog2e : 0.0f;
      to.below[k] = has ? static_cast<float>(below_at[c]) * kLog2e : 0.0f;
    }
  }

  __device__ void store(int slot, const Column<kPer>& sums) const {
    float* to = job_.parts + job_.cut.part(strip_, segment_, slot) * job_.labels.classes;
#pragma unroll
    for (int k = 0; k < kPer; ++k) {
      const int c = class_ + 32 * k;
      if (c >= job_.labels.classes) continue;
      to[c] = sums.above[k];
      to[job_.labels.classes + c] = sums.below[k];
    }
  }

  // As many whole rows of the cell's labels at a time as have 32 pixels; a part of a row where it has more.
  __device__ void walk_cell(int cell, const Column<kPer>& left, const Column<kPer>& right,
                            Column<kPer>& left_sum, Column<kPer>& right_sum) const {
    const int x_begin = job_.column_readers[cell], x_end = job_.column_readers[cell + 1];
    const int y_begin = job_.row_readers[row_], y_end = job_.row_readers[row_ + 1];
    const int width = min(x_end - x_begin, 32);
    if (width <= 0) return;
    const int height = 32 / width;
    const int dy = lane_ / width, dx = lane_ - dy * width;
    const unsigned row_mask = 0xffffffffu >> (32 - width);
    for (int y = y_begin; y < y_end; y += height) {
      for (int x = x_begin; x < x_end; x += width) {
        const bool inside = dy < height && y + dy < y_end && x + dx < x_end;
        unsigned valid = gather_targets(y + dy, x + dx, inside);
        int at = 0;
        for (int r = 0; valid != 0; ++r, valid = width < 32 ? valid >> width : 0) {
          const int count = __popc(valid & row_mask);
          if (count != 0) walk_row(job_.rows[y + r], targets_ + at, count, left, right, left_sum, right_sum);
          at += count;
        }
        __syncwarp();
      }
    }
  }

  // Puts the valid pixels of the threads next to each other; returns which threads have one.
  __device__ unsigned gather_targets(int y, int x, bool inside) const {
    Target target{0, 0, 0, DeviceLabels::kNone};
    if (inside) {
      const int64_t pixel = (static_cast<int64_t>(image_) * job_.h + y) * job_.w + x;
      target.label = job_.labels.label(pixel);
      if (target.label != DeviceLabels::kNone) {
        target.right_weight = job_.columns[x].second_weight;
        target.log_sum = job_.log_sums[pixel];
        target.scale = gradient_ * job_.labels.weight_of(target.label);
      }
    }
    const unsigned valid = __ballot_sync(kAll, target.label != DeviceLabels::kNone);
    if (target.label != DeviceLabels::kNone) targets_[__popc(valid & ((1u << lane_) - 1))] = target;
    __syncwarp();
    return valid;
  }

  // Adds scale * (softmax - onehot) of a row's pixels, mixed, to the sums of the cell's four pixels.
  __device__ void walk_row(const numeric::InterpolationWeights& row, const Target* targets, int count,
                           const Column<kPer>& left, const Column<kPer>& right, Column<kPer>& left_sum,
                           Column<kPer>& right_sum) const {
    float base[kPer], difference[kPer], all[kPer], to_right[kPer];
#pragma unroll
    for (int k = 0; k < kPer; ++k) {
      base[k] = mix_rows(row.second_weight, left.above[k], left.below[k] - left.above[k]);
      difference[k] = mix_rows(row.second_weight, right.above[k], right.below[k] - right.above[k]) - base[k];
      all[k] = to_right[k] = 0;
    }
#pragma unroll 2
    for (int i = 0; i < count; ++i) {
      const Target target = targets[i];
      const float right_scale = target.scale * target.right_weight;
      const int mine = target.label - class_;
#pragma unroll
      for (int k = 0; k < kPer; ++k) {
        float g = fast_exp2(fmaf(target.right_weight, difference[k], base[k]) - target.log_sum);
        if (mine == 32 * k) g -= 1.0f;
        all[k] = fmaf(target.scale, g, all[k]);
        to_right[k] = fmaf(right_scale, g, to_right[k]);
      }
    }
#pragma unroll
    for (int k = 0; k < kPer; ++k) {
      const float to_left = all[k] - to_right[k];
      left_sum.above[k] = fmaf(row.first_weight, to_left, left_sum.above[k]);
      left_sum.below[k] = fmaf(row.second_weight, to_left, left_sum.below[k]);
      right_sum.above[k] = fmaf(row.first_weight, to_right[k], right_sum.above[k]);
      right_sum.below[k] = fmaf(row.second_weight, to_right[k], right_sum.below[k]);
    }
  }

  const GradJob<T>& job_;
  int64_t strip_;
  int segment_;
  int image_, row_;  // the row of logits above
  int lane_;
  int class_;  // of k = 0
  float gradient_;
  Target* targets_;
};

template <int kPer, class T>
__global__ void __launch_bounds__(kGradThreads) walk_strips(const GradJob<T> job) {
  __shared__ Target targets[kGradWarps][32];
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t unit = static_cast<int64_t>(blockIdx.x) * kGradWarps + warp;
  const int64_t part = unit / job.cut.groups;
  const int64_t strip = part / job.cut.segments;
  if (strip >= static_cast<int64_t>(job.images) * job.low_h) return;
  const int group = static_cast<int>(unit - part * job.cut.groups);
  const int segment = static_cast<int>(part - strip * job.cut.segments);
  Walk<kPer, T>(job, strip, segment, group * kPer * 32, targets[warp]).run();
}

// The sum of the parts of each pixel of logits, kVector classes a thread.
template <int kVector, class T>
struct AddParts {
  const float* parts;
  T* to;
  int64_t stride;
  int low_h, low_w, classes;
  Cut cut;

  __device__ void operator()(int64_t i) const {
    const int vectors = classes / kVector;
    const int64_t pixel = i / vectors;
    const int c = static_cast<int>(i - pixel * vectors) * kVector;
    const int64_t strip = pixel / low_w;  // the one whose upper row the pixel is in
    const int column = static_cast<int>(pixel - strip * low_w);
    const int segment = column / cut.cells;
    const int slot = column - segment * cut.cells;
    float sum[kVector] = {};
    const auto add = [&](int64_t part) {
      const auto values = cuda::load<kVector>(parts + part * classes + c);
#pragma unroll
      for (int k = 0; k < kVector; ++k) sum[k] += values.element[k];
    };
    const auto add_strip = [&](int64_t of, int row) {
      if (slot == 0 && segment > 0) add(cut.part(of, segment - 1, cut.cells) + row);
      add(cut.part(of, segment, slot) + row);
    };
    if (strip % low_h > 0) add_strip(strip - 1, 1);
    add_strip(strip, 0);
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int k = 0; k < kVector; ++k) result.element[k] = static_cast<T>(sum[k]);
    cuda::store(to + pixel * stride + c, result);
  }
};

template <class T>
class Grad final : public Kernel {
 public:
  Grad(const KernelRequest& request, Scan scan)
      : device_(device_of(request)),
        scan_(std::move(scan)),
        ignore_label_(request.attrs.integer("ignore_label")) {
    const TensorDesc& logits = request.inputs[1];
    const auto classes = static_cast<int>(logits.c());
    cut_.groups = (classes + 32 * kMax - 1) / (32 * kMax);
    per_ = (classes + 32 * cut_.groups - 1) / (32 * cut_.groups);
    const int64_t strips = logits.n() * logits.h();
    const auto width = static_cast<int>(logits.w());
    // Long walks write least; enough of them for the GPU come first.
    const int64_t enough = int64_t{32} * device_.multiprocessors();
    for (cut_.cells = 8;; cut_.cells /= 2) {
      cut_.segments = (width + cut_.cells - 1) / cut_.cells;
      if (cut_.cells == 1 || strips * cut_.segments * cut_.groups >= enough) break;
    }
    vector_ = channel_vector({TensorDesc::nhwc(DType::f32, logits.shape), request.outputs[0]});
    log_sums_ = plan_.add(request.inputs[2].shape.count() * 4);
    parts_ = plan_.add(cut_.part(strips, 0, 0) * classes * 4);
  }
  std::string_view name() const override { return "cuda"; }
  std::int64_t scratch_bytes() const override { return plan_.bytes(); }

  Status run(const KernelRun& run) override {
    const TensorView& logits = run.inputs[1];
    const DeviceLabels labels =
        cross_entropy::device_labels(run, 2, 3, 0, logits.desc.c(), ignore_label_, device_);
    auto* log_sums = scratch_at<float>(run.scratch, log_sums_);
    GRAPHRUN_TRY(scan_.start<Goal::log_sum>(device_.stream(), labels, logits, {nullptr, nullptr, log_sums}));
    const Shape& label = run.inputs[2].desc.shape;
    const GradJob<T> job{labels,
                         run.inputs[0].as<const double>(),
                         logits.as<const T>(),
                         logits.desc.pixel_stride,
                         static_cast<int>(logits.desc.n()),
                         static_cast<int>(logits.desc.h()),
                         static_cast<int>(logits.desc.w()),
                         static_cast<int>(label[1]),
                         static_cast<int>(label[2]),
                         scan_.rows().taps.data(),
                         scan_.columns().taps.data(),
                         scan_.rows().readers.data(),
                         scan_.columns().readers.data(),
                         log_sums,
                         scratch_at<float>(run.scratch, parts_),
                         cut_};
    GRAPHRUN_TRY(walk(job));
    return for_vector<float>(vector_, [&]<int kVector>() {
      const AddParts<kVector, T> add{job.parts,
                                     run.outputs[0].as<T>(),
                                     run.outputs[0].desc.pixel_stride,
                                     job.low_h,
                                     job.low_w,
                                     job.labels.classes,
                                     cut_};
      return cuda::for_each(device_.stream(), logits.desc.pixels() * (job.labels.classes / kVector), add,
                            name());
    });
  }

 private:
  static constexpr int kMax = 5;  // classes of a thread

  Status walk(const GradJob<T>& job) const {
    const auto start = [&]<int kPer>() {
      const int64_t units = static_cast<int64_t>(job.images) * job.low_h * cut_.segments * cut_.groups;
      walk_strips<kPer><<<cuda::blocks_for(units, kGradWarps), kGradThreads, 0, device_.stream()>>>(job);
      return cuda::check_launch("resize_cross_entropy_grad");
    };
    switch (per_) {
      case 1:
        return start.template operator()<1>();
      case 2:
        return start.template operator()<2>();
      case 3:
        return start.template operator()<3>();
      case 4:
        return start.template operator()<4>();
      default:
        return start.template operator()<kMax>();
    }
  }

  cuda::Device& device_;
  Scan scan_;
  int64_t ignore_label_;
  Cut cut_{};
  int per_ = 1;  // classes of a thread
  int vector_ = 1;
  ScratchPlan plan_;
  int64_t log_sums_ = 0, parts_ = 0;
};

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_grad(const KernelRequest& request) {
  GRAPHRUN_TRY(require_plain(request));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    GRAPHRUN_ASSIGN(Scan scan, Scan::make(request, request.inputs[1], request.inputs[2]));
    return std::unique_ptr<Kernel>(std::make_unique<Grad<T>>(request, std::move(scan)));
  });
}

}  // namespace graphrun::ops::resize_cross_entropy
