#include "ops/attention/cuda_rows.cuh"
#include "ops/attention/kernels.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"

namespace graphrun::ops::attention {
namespace {

// A thread is a query. It walks over the keys with a running maximum and sum.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads)
    attend(Problem p, Rows<const T> q, Rows<const T> k, Rows<const T> v, Rows<T> y, float* log_sum) {
  __shared__ Tile<kWidth> keys, values;
  const int64_t blocks = blocks_of(p.queries, kThreads);
  const int64_t image = blockIdx.x / blocks / p.heads, head = blockIdx.x / blocks % p.heads;
  const int64_t query = blockIdx.x % blocks * kThreads + threadIdx.x;
  const bool inside = query < p.queries;
  Row<kWidth> own, sums;
  own.clear();
  sums.clear();
  if (inside) own.load(q.at(image, head, query), q.width);
  float max = -INFINITY, sum = 0;
  for (int64_t first = 0; first < p.keys; first += kTileRows<kWidth>) {
    const int64_t left = p.keys - first;
    const int count = left < kTileRows<kWidth> ? static_cast<int>(left) : kTileRows<kWidth>;
    __syncthreads();
    keys.load(k, image, head, first, count);
    values.load(v, image, head, first, count);
    __syncthreads();
    for (int j = 0; j < count; ++j) {
      const float score = p.scale * own.dot(keys.row[j]);
      if (score > max) {
        const float shrink = expf(max - score);
        sum *= shrink;
#pragma unroll
        for (int c = 0; c < kWidth; ++c) sums.element[c] *= shrink;
        max = score;
      }
      const float weight = expf(score - max);
      sum += weight;
      sums.add(weight, values.row[j]);
    }
  }
  if (!inside) return;
  sums.store(y.at(image, head, query), y.width, 1 / sum);
  if (log_sum != nullptr) log_sum[blockIdx.x / blocks * p.queries + query] = max + logf(sum);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_forward(const KernelRequest& request) {
  const Problem p = problem_of(request.attrs, request.inputs[0], request.inputs[1], request.inputs[2]);
  GRAPHRUN_TRY(require_width(p));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    auto run = [p, &device = device_of(request)](const KernelRun& io) {
      const auto blocks = static_cast<unsigned>(p.of_heads() * blocks_of(p.queries, kThreads));
      return for_width(std::max(p.width, p.value_width), [&](auto width) {
        attend<width, T><<<blocks, kThreads, 0, device.stream()>>>(
            p, rows_of<const T>(io.inputs[0], p), rows_of<const T>(io.inputs[1], p),
            rows_of<const T>(io.inputs[2], p), rows_of<T>(io.outputs[0], p), io.outputs[1].as<float>());
        return cuda::check_launch("attention");
      });
    };
    return make_function_kernel("cuda", 0, std::move(run));
  });
}

std::vector<KernelEntry> cuda_kernels() {
  return {{"attention", "cuda", prepare_cuda_forward}, {"attention_grad", "cuda", prepare_cuda_backward}};
}

}  // namespace graphrun::ops::attention
