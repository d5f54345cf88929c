#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize_cross_entropy/cuda_scan.cuh"

#include <algorithm>

#include "graphrun/bfloat16.h"
#include "ops/resize_cross_entropy/cuda_logit.cuh"

// Cross entropy of logits at label size, of which only the small ones before the resize are in memory.
//
// A block takes the label rows that lie between two neighbouring rows of logits, and a run of their columns
// (a tile, a thread a column). All of these pixels mix the same 2 x `span` pixels of logits. The block brings
// those to shared memory, some classes at a time (`chunk`, as many as fit), and every thread goes over the
// chunk's classes for up to 8 of its rows at once: logits are mixed by columns once a class, by rows once a
// row.
//
// The sum of exponentials is made online, chunk by chunk. Its shift need not be the largest logit: the
// mixture of the largest logits of the four pixels bounds all mixed logits, and is known before any class is
// read. Where it was so far above them that the sum has lost its terms, sum_exactly() does that pixel once
// more from memory. Prediction and the label's logit are picked from the chunk that has them.
namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::DeviceLabels;
using cross_entropy::PartialTotals;

constexpr int kScanThreads = 128;
constexpr int kWarps = kScanThreads / 32;
constexpr unsigned kAll = 0xffffffffu;
constexpr int kSharedFloats = 11 << 10;

// From one column of logits to the next in shared memory: an odd number of 16 bytes, so that neighbours lie
// in different banks.
__host__ __device__ constexpr int pitch_of(int chunk) { return chunk % 8 == 0 ? chunk + 4 : chunk; }

// A sum below this has lost terms to the end of the range of floats: the shift was far above all logits.
constexpr float kLeastSum = 0x1p-60f;

template <class T>
struct Job {
  DeviceLabels labels;
  const T* logits;
  int64_t stride;
  int low_h, low_w, h, w;
  const numeric::InterpolationWeights* rows;
  const numeric::InterpolationWeights* columns;
  const int32_t* row_readers;
  int tile, tiles, span, chunk;

  __device__ const T* source(int image, int row, int column) const {
    return logits + ((static_cast<int64_t>(image) * low_h + row) * low_w + column) * stride;
  }
};

// Where a thread stands: in a column of labels between two rows of logits.
struct Place {
  int image, above, below;  // rows of logits
  int first_column, width;  // of the logits that the block holds
  int x;
  bool inside;  // the thread has a column
  numeric::InterpolationWeights column;

  __device__ int left() const { return column.first - first_column; }
  __device__ int right() const { return column.second - first_column; }
};

// Logits of the block's columns in both rows for some classes, [2][width][pitch], and the largest of each
// pixel. Padded to whole groups of 4 classes.
struct Staged {
  float* logits;
  float* maxima;  // [2][width]
  int pitch;
  int begin;  // first class; -1: nothing yet
  int classes;

  __device__ const float* pixel(int row, int column, int width) const {
    return logits + (row * width + column) * pitch;
  }
};

// All threads of the block. A warp takes a pixel at a time.
template <class T>
__device__ void stage(const Job<T>& job, const Place& place, int begin, Staged& staged) {
  if (staged.begin == begin) return;
  __syncthreads();  // what is there has been read
  staged.begin = begin;
  staged.classes = min(job.chunk, job.labels.classes - begin);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = static_cast<int>(threadIdx.x) / 32; i < 2 * place.width; i += kWarps) {
    const int row = i < place.width ? 0 : 1;
    const T* from = job.source(place.image, row == 0 ? place.above : place.below,
                               place.first_column + i - row * place.width) +
                    begin;
    float* to = staged.logits + i * staged.pitch;
    float max = -INFINITY;
#pragma unroll 5
    for (int c = lane; c < staged.classes; c += 32) {
      const auto value = static_cast<float>(from[c]);
      to[c] = value;
      max = fmaxf(max, value);
    }
    const int end = staged.classes + lane;
    if (end < (staged.classes + 3) / 4 * 4) to[end] = kPadding;
    max = cuda::warp_max(max);
    if (lane == 0) staged.maxima[i] = max;
  }
  __syncthreads();
}

// Four classes of a column of labels: in the upper row, and the difference to the lower row.
struct Four {
  float above[4], difference[4];
};
__device__ inline Four mix_four(const Staged& staged, const Place& place, int c) {
  const auto load = [&](int row, int column) {
    return cuda::load<4>(staged.pixel(row, column, place.width) + c);
  };
  const auto above_left = load(0, place.left()), above_right = load(0, place.right());
  const auto below_left = load(1, place.left()), below_right = load(1, place.right());
  Four four;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    four.above[k] = mix_columns(place.column, above_left.element[k], above_right.element[k]);
    four.difference[k] =
        mix_columns(place.column, below_left.element[k], below_right.element[k]) - four.above[k];
  }
  return four;
}

// What is known of kRows pixels of a column.
template <int kRows>
struct Pixels {
  float below_weight[kRows];
  float shift[kRows];  // in units of ln 2
  float sum[kRows];    // of the exponentials
  float best[kRows];   // the largest logit
  int prediction[kRows];
  float label_logit[kRows];
};

// Takes the staged classes into account. The shift is the mixture of the largest logits of the four pixels,
// which no mixed logit exceeds: known before the logits are.
template <Goal kGoal, int kRows>
__device__ void scan_classes(const Staged& staged, const Place& place, Pixels<kRows>& pixels) {
  const float* above = staged.maxima;
  const float* below = staged.maxima + place.width;
  const float bound = mix_columns(place.column, above[place.left()], above[place.right()]);
  const float difference = mix_columns(place.column, below[place.left()], below[place.right()]) - bound;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const float next = fmaxf(pixels.shift[r], mix_rows(pixels.below_weight[r], bound, difference) * kLog2e);
    pixels.sum[r] *= fast_exp2(pixels.shift[r] - next);
    pixels.shift[r] = next;
  }
#pragma unroll 1
  for (int c = 0; c < staged.classes; c += 4) {
    const Four four = mix_four(staged, place, c);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      float logit[4], power[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        logit[k] = mix_rows(pixels.below_weight[r], four.above[k], four.difference[k]);
        power[k] = fast_exp2(exponent_of(logit[k], pixels.shift[r]));
      }
      pixels.sum[r] += (power[0] + power[1]) + (power[2] + power[3]);
      if constexpr (kGoal == Goal::totals) {
        const float max = fmaxf(fmaxf(logit[0], logit[1]), fmaxf(logit[2], logit[3]));
        if (max > pixels.best[r]) {
          pixels.best[r] = max;
          pixels.prediction[r] = staged.begin + c;
        }
      }
    }
  }
}

// Replaces the first of the four classes that hold the largest logit by the class itself, where they are
// staged, and picks the logit of the label.
template <Goal kGoal, int kRows, class T>
__device__ void settle(const Job<T>& job, const Staged& staged, const Place& place, int64_t pixel,
                       Pixels<kRows>& pixels) {
  const int32_t* labels = kGoal == Goal::totals ? job.labels.counted : job.labels.data;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (kGoal == Goal::totals && pixels.prediction[r] >= staged.begin) {
      const int first = pixels.prediction[r];
      const Four four = mix_four(staged, place, first - staged.begin);
      pixels.prediction[r] = 0;
#pragma unroll
      for (int k = 3; k >= 0; --k) {
        const float logit = mix_rows(pixels.below_weight[r], four.above[k], four.difference[k]);
        if (logit == pixels.best[r] && first + k < job.labels.classes) pixels.prediction[r] = first + k;
      }
    }
    const int label = labels[pixel + static_cast<int64_t>(r) * job.w] - staged.begin;
    if (label < 0 || label >= staged.classes) continue;
    const auto logit = [&](int row, int column) { return staged.pixel(row, column, place.width)[label]; };
    const float above = mix_columns(place.column, logit(0, place.left()), logit(0, place.right()));
    const float below = mix_columns(place.column, logit(1, place.left()), logit(1, place.right()));
    pixels.label_logit[r] = mix_rows(pixels.below_weight[r], above, below - above);
  }
}

// The sum over all classes with the largest logit as the shift, straight from memory.
template <class T>
__device__ void sum_exactly(const Job<T>& job, const Place& place, float below_weight, float& shift,
                            float& sum) {
  const T* above_left = job.source(place.image, place.above, place.column.first);
  const T* above_right = job.source(place.image, place.above, place.column.second);
  const T* below_left = job.source(place.image, place.below, place.column.first);
  const T* below_right = job.source(place.image, place.below, place.column.second);
  const auto logit = [&](int c) {
    const float above =
        mix_columns(place.column, static_cast<float>(above_left[c]), static_cast<float>(above_right[c]));
    const float below =
        mix_columns(place.column, static_cast<float>(below_left[c]), static_cast<float>(below_right[c]));
    return mix_rows(below_weight, above, below - above);
  };
  float max = -INFINITY;
#pragma unroll 1
  for (int c = 0; c < job.labels.classes; ++c) max = fmaxf(max, logit(c));
  shift = max * kLog2e;
  sum = 0;
#pragma unroll 1
  for (int c = 0; c < job.labels.classes; ++c) sum += fast_exp2(exponent_of(logit(c), shift));
}

// kRows rows of labels from y on. All threads of the block.
template <Goal kGoal, int kRows, class T>
__device__ void scan_rows(const Job<T>& job, const Place& place, int y, Staged& staged,
                          const ScanResults& results, PartialTotals& totals) {
  const int64_t pixel = (static_cast<int64_t>(place.image) * job.h + y) * job.w + place.x;
  Pixels<kRows> pixels;
  bool any = false;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    pixels.below_weight[r] = job.rows[y + r].second_weight;
    pixels.shift[r] = kPadding;
    pixels.sum[r] = 0;
    pixels.best[r] = -INFINITY;
    pixels.prediction[r] = -1;
    pixels.label_logit[r] = 0;
    any = any || job.labels.data[pixel + static_cast<int64_t>(r) * job.w] != job.labels.ignore;
  }
  const bool busy = __any_sync(kAll, any && place.inside);
#pragma unroll 1
  for (int begin = 0; begin < job.labels.classes; begin += job.chunk) {
    stage(job, place, begin, staged);
    if (!busy) continue;
    scan_classes<kGoal>(staged, place, pixels);
    if constexpr (kGoal != Goal::log_sum) settle<kGoal>(job, staged, place, pixel, pixels);
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int64_t at = pixel + static_cast<int64_t>(r) * job.w;
    const int32_t label = place.inside ? job.labels.label(at) : DeviceLabels::kNone;
    const bool valid = label != DeviceLabels::kNone;
    if (valid && !(pixels.sum[r] >= kLeastSum))
      sum_exactly(job, place, pixels.below_weight[r], pixels.shift[r], pixels.sum[r]);
    const float exponent = exponent_of(pixels.label_logit[r], pixels.shift[r]);
    if constexpr (kGoal == Goal::totals) {
      const int32_t counted = place.inside ? job.labels.counted_label(at, label) : DeviceLabels::kNone;
      cross_entropy::count_prediction(results.confusion, job.labels.classes, label,
                                      max(pixels.prediction[r], 0));
      if (valid && counted != DeviceLabels::kNone) {
        const auto weight = static_cast<double>(job.labels.weight_of(counted));
        totals.loss += weight * static_cast<double>(logf(pixels.sum[r]) - exponent * kLn2);
        totals.weight += weight;
      }
    } else if constexpr (kGoal == Goal::probability) {
      if (place.inside) results.of_pixel[at] = valid ? fast_exp2(exponent) / pixels.sum[r] : 1.0f;
    } else {
      if (valid) results.of_pixel[at] = pixels.shift[r] + log2f(pixels.sum[r]);
    }
  }
}

template <Goal kGoal, class T>
__global__ void __launch_bounds__(kScanThreads, 4) scan_pixels(const Job<T> job, const ScanResults results) {
  extern __shared__ float4 shared[];
  const unsigned strip = blockIdx.x / static_cast<unsigned>(job.tiles);
  const int tile = static_cast<int>(blockIdx.x - strip * static_cast<unsigned>(job.tiles));
  const int first = tile * job.tile;
  const int last = min(first + job.tile, job.w) - 1;
  Place place;
  place.image = static_cast<int>(strip / static_cast<unsigned>(job.low_h));
  place.above = static_cast<int>(strip - static_cast<unsigned>(place.image * job.low_h));
  place.below = min(place.above + 1, job.low_h - 1);
  place.first_column = job.columns[first].first;
  place.width = job.columns[last].second - place.first_column + 1;
  place.inside = first + static_cast<int>(threadIdx.x) <= last;
  place.x = min(first + static_cast<int>(threadIdx.x), last);
  place.column = job.columns[place.x];

  const int pitch = pitch_of(job.chunk);
  auto* logits = reinterpret_cast<float*>(shared);
  Staged staged{logits, logits + 2 * job.span * pitch, pitch, -1, 0};
  PartialTotals totals{0, 0};
  const int end = job.row_readers[place.above + 1];
  for (int y = job.row_readers[place.above]; y < end;) {
    const auto scan = [&]<int kRows>() {
      scan_rows<kGoal, kRows>(job, place, y, staged, results, totals);
      y += kRows;
    };
    if (end - y >= 8) {
      scan.template operator()<8>();
    } else if (end - y >= 4) {
      scan.template operator()<4>();
    } else if (end - y >= 2) {
      scan.template operator()<2>();
    } else {
      scan.template operator()<1>();
    }
  }
  if constexpr (kGoal == Goal::totals) cross_entropy::write_partial(totals, results.partials + blockIdx.x);
}

// Columns of logits that runs of `tile` columns of labels need at most.
int span_of(const std::vector<numeric::InterpolationWeights>& columns, int tile) {
  const int w = static_cast<int>(columns.size());
  int span = 0;
  for (int first = 0; first < w; first += tile) {
    const numeric::InterpolationWeights& last =
        columns[static_cast<std::size_t>(std::min(first + tile, w) - 1)];
    span = std::max(span, last.second - columns[static_cast<std::size_t>(first)].first + 1);
  }
  return span;
}

// Classes for which that many columns fit into shared memory; a multiple of 4.
int chunk_of(int span, int classes) {
  const int room = (kSharedFloats / (2 * span) - 5) & ~3;
  return std::min(room, (classes + 3) & ~3);
}

}  // namespace

Result<Scan> Scan::make(const KernelRequest& request, const TensorDesc& logits, const TensorDesc& label) {
  cuda::Device& device = device_of(request);
  GRAPHRUN_TRY(take_label_tables(request, logits, label));
  const numeric::Interpolation rule = interpolation_of(request.attrs);
  const numeric::Sampling rows = numeric::sampling(rule, logits.h(), label.shape[1]);
  const numeric::Sampling columns = numeric::sampling(rule, logits.w(), label.shape[2]);
  GRAPHRUN_ASSIGN(DeviceSampling device_rows, DeviceSampling::upload(device, rows));
  GRAPHRUN_ASSIGN(DeviceSampling device_columns, DeviceSampling::upload(device, columns));
  Scan scan(std::move(device_rows), std::move(device_columns));
  scan.h_ = static_cast<int>(label.shape[1]);
  scan.w_ = static_cast<int>(label.shape[2]);
  const auto classes = static_cast<int>(logits.c());
  // Where logits are larger than labels, a narrow tile leaves room for enough classes.
  for (scan.tile_ = kScanThreads;; scan.tile_ /= 2) {
    scan.span_ = span_of(columns.taps, scan.tile_);
    scan.chunk_ = chunk_of(scan.span_, classes);
    const int enough = scan.tile_ > 32 ? std::min(64, (classes + 3) & ~3) : 4;
    if (scan.tile_ == 1 || scan.chunk_ >= enough) break;
  }
  scan.tiles_ = (scan.w_ + scan.tile_ - 1) / scan.tile_;
  scan.blocks_ = logits.n() * logits.h() * scan.tiles_;
  return Result<Scan>(std::move(scan));
}

template <Goal kGoal, class T>
Status Scan::start_as(cudaStream_t stream, const DeviceLabels& labels, const TensorView& logits,
                      const ScanResults& results) const {
  const Job<T> job{labels,
                   logits.as<const T>(),
                   logits.desc.pixel_stride,
                   static_cast<int>(logits.desc.h()),
                   static_cast<int>(logits.desc.w()),
                   h_,
                   w_,
                   rows_.taps.data(),
                   columns_.taps.data(),
                   rows_.readers.data(),
                   tile_,
                   tiles_,
                   span_,
                   chunk_};
  const auto bytes = static_cast<std::size_t>(2 * span_ * (pitch_of(chunk_) + 1)) * sizeof(float);
  scan_pixels<kGoal><<<static_cast<unsigned>(blocks_), kScanThreads, bytes, stream>>>(job, results);
  return cuda::check_launch("cross entropy of small logits");
}

template <Goal kGoal>
Status Scan::start(cudaStream_t stream, const DeviceLabels& labels, const TensorView& logits,
                   const ScanResults& results) const {
  return logits.desc.dtype == DType::bf16 ? start_as<kGoal, BFloat16>(stream, labels, logits, results)
                                          : start_as<kGoal, float>(stream, labels, logits, results);
}
template Status Scan::start<Goal::totals>(cudaStream_t, const DeviceLabels&, const TensorView&,
                                          const ScanResults&) const;
template Status Scan::start<Goal::probability>(cudaStream_t, const DeviceLabels&, const TensorView&,
                                               const ScanResults&) const;
template Status Scan::start<Goal::log_sum>(cudaStream_t, const DeviceLabels&, const TensorView&,
                                           const ScanResults&) const;

}  // namespace graphrun::ops::resize_cross_entropy
