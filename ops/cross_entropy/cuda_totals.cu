#include "ops/cross_entropy/cuda_scores.cuh"

namespace graphrun::ops::cross_entropy {
namespace {

__global__ void __launch_bounds__(cuda::kThreads)
    sum_up(const PartialTotals* partials, int64_t count, double* totals) {
  PartialTotals sum{0, 0};
  for (int64_t i = threadIdx.x; i < count; i += cuda::kThreads) {
    sum.loss += partials[i].loss;
    sum.weight += partials[i].weight;
  }
  __shared__ PartialTotals all;
  write_partial(sum, &all);
  if (threadIdx.x != 0) return;
  totals[0] = all.loss;
  totals[1] = all.weight;
}

}  // namespace

Status sum_partials(cudaStream_t stream, const PartialTotals* partials, int64_t count, double* totals) {
  sum_up<<<1, cuda::kThreads, 0, stream>>>(partials, count, totals);
  return cuda::check_launch("totals of cross entropy");
}

Status clear_confusion(cudaStream_t stream, const TensorView& confusion) {
  if (confusion.data == nullptr) return {};
  const auto bytes = static_cast<std::size_t>(confusion.desc.bytes());
  return cuda::check(cudaMemsetAsync(confusion.data, 0, bytes, stream), "cudaMemsetAsync");
}

}  // namespace graphrun::ops::cross_entropy
