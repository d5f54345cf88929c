#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "graphrun/status.h"

// The GPU's part of LabelAccumulator: kernels and what they are given. Pointers are device memory.
namespace graphrun::imaging::gpu {

// One output of ResizeTable.
struct alignas(16) LinearTap {
  std::int32_t first;
  std::int32_t second;
  float first_weight;
  float second_weight;
};

// A WeightedResizeTable in device memory. No output from i on reads a sample below low[i], none up to i one
// above high[i].
struct TapTable {
  const std::int32_t* begin = nullptr;
  const std::int32_t* index = nullptr;
  const float* weight = nullptr;
  const std::int32_t* low = nullptr;
  const std::int32_t* high = nullptr;
  std::int32_t size = 0;
};

// A job has room for so many channels, since it travels with the launch.
inline constexpr std::int32_t kMaxImageChannels = 64;
struct ResizeJob {
  const void* image = nullptr;  // dense rows
  bool bytes = true;            // u8; else f32
  std::int32_t channels = 3;
  std::int64_t image_width = 0;
  const LinearTap* rows = nullptr;
  const LinearTap* columns = nullptr;
  std::int32_t height = 0;
  std::int32_t width = 0;
  float mean[kMaxImageChannels] = {};
  float deviation[kMaxImageChannels] = {};
  float* view = nullptr;
};
Status resize_normalised(cudaStream_t stream, const ResizeJob& job);

// A window and, of two samples, its mirror image.
struct WindowJob {
  const float* view = nullptr;
  std::int64_t view_height = 0;
  std::int64_t view_width = 0;
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;
  std::int32_t samples = 1;
  std::int32_t channels = 3;
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int64_t pixel_stride = 0;
  float* input = nullptr;  // the first sample
};
Status copy_window(cudaStream_t stream, const WindowJob& job);

// FoundClasses besides the ids.
struct Shares {
  float* confidence = nullptr;
  float* probabilities = nullptr;
  std::int64_t plane = 0;
  float sharpness = 1;
};

// The softmax of a sample of logits at the size of the taps, and that of its mirror image.
struct SoftmaxJob {
  const float* logits = nullptr;   // of the sample
  std::int64_t sample_stride = 0;  // elements to the mirror image; 0: none
  std::int64_t row_stride = 0;     // elements from one row of logits to the next
  std::int64_t pixel_stride = 0;
  std::int32_t classes = 0;
  TapTable rows;
  TapTable columns;
  // The outputs that are wanted, as indices of the taps.
  std::int32_t first_row = 0;
  std::int32_t end_row = 0;
  std::int32_t first_column = 0;
  std::int32_t end_column = 0;
  // A block computes so many columns of a row; they read at most `span` columns of logits.
  std::int32_t tile = 0;
  std::int32_t span = 0;

  // The pixel of the first row and column that are wanted; rows lie so many pixels apart.
  std::int64_t out_width = 0;
  float* sums = nullptr;
  // Sums of rows from new_row on, in columns from new_column on, are written, the others added to.
  std::int32_t new_row = 0;
  std::int32_t new_column = 0;
  // Or, where there are ids, the classes of the sums of `total`, if any, and these.
  const float* total = nullptr;
  std::uint16_t* ids = nullptr;
  Shares shares;
};
Status softmax(cudaStream_t stream, const SoftmaxJob& job);

// ResizeBack, with a total that is written or added to, or with ids.
struct BackJob {
  const float* plane = nullptr;
  std::int64_t plane_width = 0;
  const LinearTap* rows = nullptr;
  const LinearTap* columns = nullptr;
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int32_t classes = 0;
  const float* before = nullptr;  // what is added to; null: nothing
  float* total = nullptr;         // null: ids are wanted
  std::uint16_t* ids = nullptr;
  Shares shares;
};
Status resize_back(cudaStream_t stream, const BackJob& job);

}  // namespace graphrun::imaging::gpu
