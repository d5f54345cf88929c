#pragma once

#include <span>

#include "ops/common/cuda_kernel.cuh"

// What the kernels of cross entropy at full size and from small logits have in common on a GPU.
namespace graphrun::ops::cross_entropy {

// Labels of a batch in device memory, i32 (N, H, W), and what their pixels count.
struct DeviceLabels {
  static constexpr int32_t kNone = -1;

  const int32_t* data;
  const int32_t* counted;  // the same, with `ignore` on pixels that the loss leaves out
  const float* weights;    // of classes; null: all 1
  int32_t classes;
  int32_t ignore;
  cuda::Fault* fault;

  // kNone where the pixel is ignored, or where the label is no class, which is reported.
  __device__ int32_t label(int64_t pixel) const { return check(data[pixel], pixel); }
  // The label of a pixel in `counted`. `label` is that of label().
  __device__ int32_t counted_label(int64_t pixel, int32_t label) const {
    return counted == data ? label : check(counted[pixel], pixel);
  }
  __device__ float weight_of(int32_t label) const { return weights == nullptr ? 1.0f : weights[label]; }

 private:
  __device__ int32_t check(int32_t label, int64_t pixel) const {
    if (label == ignore) return kNone;
    if (static_cast<uint32_t>(label) < static_cast<uint32_t>(classes)) return label;
    cuda::report_bad_label(fault, pixel, label, classes);
    return kNone;
  }
};

// Null where the optional input is absent.
template <class T>
const T* optional_data(std::span<const TensorView> inputs, std::size_t index) {
  return index < inputs.size() ? inputs[index].as<const T>() : nullptr;
}

// `weights` and `counted`: the places of optional inputs; 0: the op has none.
inline DeviceLabels device_labels(const KernelRun& run, std::size_t label, std::size_t weights,
                                  std::size_t counted, int64_t classes, int64_t ignore,
                                  cuda::Device& device) {
  const auto* data = run.inputs[label].as<const int32_t>();
  const auto* others = counted == 0 ? nullptr : optional_data<int32_t>(run.inputs, counted);
  return {data,
          others == nullptr ? data : others,
          weights == 0 ? nullptr : optional_data<float>(run.inputs, weights),
          static_cast<int32_t>(classes),
          static_cast<int32_t>(ignore),
          device.fault()};
}

// A block's part of the totals.
struct PartialTotals {
  double loss;    // weighted
  double weight;  // sum
};

// All threads of the block must call; blockDim.x is a multiple of 32.
__device__ inline void write_partial(PartialTotals mine, PartialTotals* partial) {
  __shared__ PartialTotals of_warp[32];
  mine.loss = cuda::warp_sum(mine.loss);
  mine.weight = cuda::warp_sum(mine.weight);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x != 0) return;
  PartialTotals sum = of_warp[0];
  for (unsigned i = 1; i < blockDim.x / 32; ++i) {
    sum.loss += of_warp[i].loss;
    sum.weight += of_warp[i].weight;
  }
  *partial = sum;
}

// ++counts[key] for the key of each thread of a warp, all of which must call; kNoKey: none. Neighbouring
// pixels are much alike, so each key is added once.
inline constexpr uint32_t kNoKey = 0xFFFFFFFFu;
template <class Count>
__device__ inline void count_keys(Count* counts, uint32_t key) {
  const unsigned peers = __match_any_sync(0xffffffffu, key);
  const bool leads = __ffs(static_cast<int>(peers)) - 1 == static_cast<int>(threadIdx.x % 32);
  if (key != kNoKey && leads) atomicAdd(counts + key, static_cast<Count>(__popc(peers)));
}

// Cells of the confusion matrix, which `confusion` counts as i64.
__device__ inline void count_prediction(unsigned long long* confusion, int32_t classes, int32_t label,
                                        int32_t prediction) {
  if (confusion == nullptr) return;
  const bool valid = label != DeviceLabels::kNone;
  count_keys(confusion, valid ? static_cast<uint32_t>(label) * static_cast<uint32_t>(classes) +
                                    static_cast<uint32_t>(prediction)
                              : kNoKey);
}

// The sums over all `count` parts in their order, and zeros for a confusion matrix to begin with (null:
// unwanted).
Status sum_partials(cudaStream_t stream, const PartialTotals* partials, int64_t count, double* totals);
Status clear_confusion(cudaStream_t stream, const TensorView& confusion);

// The kernels of cuda_ohem.cu.
Result<std::unique_ptr<Kernel>> prepare_cuda_hard_label(const KernelRequest& request);

}  // namespace graphrun::ops::cross_entropy
