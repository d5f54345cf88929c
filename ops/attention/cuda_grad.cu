#include "ops/attention/cuda_rows.cuh"
#include "ops/attention/kernels.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"

// The formulas stand in cpu_grad.cpp. D (the sum of gy * y) is computed first. gq has a thread for each
// query; gk and gv have one for each key and piece of the queries, whose sums are added in order.
namespace graphrun::ops::attention {
namespace {

template <class T>
struct Backward {
  Problem p;
  Rows<const T> gy, q, k, v, y;
  const float* log_sum;   // by head and query
  const float* glog_sum;  // null: none
  float* along;           // D
  int64_t piece, pieces;

  __device__ float weight(int64_t of_heads, int64_t query, float product) const {
    return expf(p.scale * product - log_sum[of_heads * p.queries + query]);
  }
};

// An index is a query of one head.
template <class T>
struct Along {
  Backward<T> b;
  __device__ void operator()(int64_t i) const {
    const int64_t head = i / b.p.queries;
    const T* g = b.gy.at(head / b.p.heads, head % b.p.heads, i % b.p.queries);
    const T* y = b.y.at(head / b.p.heads, head % b.p.heads, i % b.p.queries);
    float sum = 0;
    for (int c = 0; c < b.gy.width; ++c) sum += static_cast<float>(g[c]) * static_cast<float>(y[c]);
    b.along[i] = b.glog_sum != nullptr ? sum - b.glog_sum[i] : sum;
  }
};

template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads) query_gradient(Backward<T> b, Rows<T> gq) {
  __shared__ Tile<kWidth> keys, values;
  const Problem& p = b.p;
  const int64_t blocks = blocks_of(p.queries, kThreads);
  const int64_t of_heads = blockIdx.x / blocks, image = of_heads / p.heads, head = of_heads % p.heads;
  const int64_t query = blockIdx.x % blocks * kThreads + threadIdx.x;
  const bool inside = query < p.queries;
  Row<kWidth> own, gradient, sums;
  own.clear();
  gradient.clear();
  sums.clear();
  float along = 0;
  if (inside) {
    own.load(b.q.at(image, head, query), b.q.width);
    gradient.load(b.gy.at(image, head, query), b.gy.width);
    along = b.along[of_heads * p.queries + query];
  }
  for (int64_t first = 0; first < p.keys; first += kTileRows<kWidth>) {
    const int64_t left = p.keys - first;
    const int count = left < kTileRows<kWidth> ? static_cast<int>(left) : kTileRows<kWidth>;
    __syncthreads();
    keys.load(b.k, image, head, first, count);
    values.load(b.v, image, head, first, count);
    __syncthreads();
    for (int j = 0; inside && j < count; ++j) {
      const float weight = b.weight(of_heads, query, own.dot(keys.row[j]));
      sums.add(weight * (gradient.dot(values.row[j]) - along), keys.row[j]);
    }
  }
  if (inside) sums.store(gq.at(image, head, query), gq.width, p.scale);
}

// Partial sums (heads, pieces, keys, width) of gk, or of gv.
template <int kWidth, bool kOfKeys, class T>
__global__ void __launch_bounds__(kThreads) key_gradient(Backward<T> b, float* partial, int width) {
  __shared__ Tile<kWidth> queries, gradients;
  const Problem& p = b.p;
  const int64_t blocks = blocks_of(p.keys, kThreads);
  const int64_t part = blockIdx.x / blocks, of_heads = part / b.pieces;
  const int64_t image = of_heads / p.heads, head = of_heads % p.heads;
  const int64_t key = blockIdx.x % blocks * kThreads + threadIdx.x;
  const bool inside = key < p.keys;
  Row<kWidth> own, value, sums;
  own.clear();
  value.clear();
  sums.clear();
  if (inside) own.load(b.k.at(image, head, key), b.k.width);
  if (inside && kOfKeys) value.load(b.v.at(image, head, key), b.v.width);
  const int64_t begin = part % b.pieces * b.piece;
  const int64_t end = begin + b.piece < p.queries ? begin + b.piece : p.queries;
  for (int64_t first = begin; first < end; first += kTileRows<kWidth>) {
    const int64_t left = end - first;
    const int count = left < kTileRows<kWidth> ? static_cast<int>(left) : kTileRows<kWidth>;
    __syncthreads();
    queries.load(b.q, image, head, first, count);
    gradients.load(b.gy, image, head, first, count);
    __syncthreads();
    for (int j = 0; inside && j < count; ++j) {
      const float weight = b.weight(of_heads, first + j, own.dot(queries.row[j]));
      if (kOfKeys) {
        const float along = b.along[of_heads * p.queries + first + j];
        sums.add(weight * (value.dot(gradients.row[j]) - along), queries.row[j]);
      } else {
        sums.add(weight, gradients.row[j]);
      }
    }
  }
  if (inside) sums.store(partial + (part * p.keys + key) * width, width, kOfKeys ? p.scale : 1.0f);
}

// An index is a channel of a key of one head.
template <class T>
struct AddPieces {
  int64_t pieces, keys, heads;
  const float* partial;
  Rows<T> to;

  __device__ void operator()(int64_t i) const {
    const int64_t of_heads = i / to.width / keys, in_head = i - of_heads * to.width * keys;
    float sum = 0;
    for (int64_t piece = 0; piece < pieces; ++piece)
      sum += partial[(of_heads * pieces + piece) * keys * to.width + in_head];
    to.at(of_heads / heads, of_heads % heads, in_head / to.width)[in_head % to.width] = static_cast<T>(sum);
  }
};

template <bool kOfKeys, class T>
Status gradient_of_keys(cudaStream_t stream, const Backward<T>& b, float* partial, const TensorView& to) {
  if (to.data == nullptr) return {};
  const Problem& p = b.p;
  const Rows<T> rows = rows_of<T>(to, p);
  const auto blocks = static_cast<unsigned>(p.of_heads() * b.pieces * blocks_of(p.keys, kThreads));
  GRAPHRUN_TRY(for_width(std::max(p.width, p.value_width), [&](auto width) {
    key_gradient<width, kOfKeys><<<blocks, kThreads, 0, stream>>>(b, partial, rows.width);
    return cuda::check_launch("attention_grad");
  }));
  const AddPieces<T> add{b.pieces, p.keys, p.heads, partial, rows};
  return cuda::for_each(stream, p.of_heads() * p.keys * rows.width, add, "attention_grad");
}

template <class T>
Status run_backward(cudaStream_t stream, Backward<T> b, float* partial, const KernelRun& io) {
  const Problem& p = b.p;
  b.gy = rows_of<const T>(io.inputs[0], p);
  b.q = rows_of<const T>(io.inputs[1], p);
  b.k = rows_of<const T>(io.inputs[2], p);
  b.v = rows_of<const T>(io.inputs[3], p);
  b.y = rows_of<const T>(io.inputs[4], p);
  b.log_sum = io.inputs[5].as<const float>();
  b.glog_sum = io.inputs[6].as<const float>();
  GRAPHRUN_TRY(cuda::for_each(stream, p.of_heads() * p.queries, Along<T>{b}, "attention_grad"));
  if (io.outputs[0].data != nullptr) {
    const auto blocks = static_cast<unsigned>(p.of_heads() * blocks_of(p.queries, kThreads));
    GRAPHRUN_TRY(for_width(std::max(p.width, p.value_width), [&](auto width) {
      query_gradient<width><<<blocks, kThreads, 0, stream>>>(b, rows_of<T>(io.outputs[0], p));
      return cuda::check_launch("attention_grad");
    }));
  }
  GRAPHRUN_TRY((gradient_of_keys<true>(stream, b, partial, io.outputs[1])));
  return gradient_of_keys<false>(stream, b, partial, io.outputs[2]);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_backward(const KernelRequest& request) {
  const Problem p = problem_of(request.attrs, request.inputs[1], request.inputs[2], request.inputs[3]);
  GRAPHRUN_TRY(require_width(p));
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    constexpr int64_t kShortest = 256, kMax = 64;  // queries of a piece, pieces
    const int64_t piece = std::max(kShortest, blocks_of(p.queries, kMax));
    const int64_t pieces = blocks_of(p.queries, piece);
    ScratchPlan plan;
    constexpr auto kSize = static_cast<int64_t>(sizeof(float));
    const int64_t along_at = plan.add(p.of_heads() * p.queries * kSize);
    const int64_t partial_at =
        plan.add(p.of_heads() * pieces * p.keys * std::max(p.width, p.value_width) * kSize);
    auto run = [p, piece, pieces, along_at, partial_at, &device = device_of(request)](const KernelRun& io) {
      Backward<T> b{};
      b.p = p;
      b.piece = piece;
      b.pieces = pieces;
      b.along = scratch_at<float>(io.scratch, along_at);
      return run_backward(device.stream(), b, scratch_at<float>(io.scratch, partial_at), io);
    };
    return make_function_kernel("cuda", plan.bytes(), std::move(run));
  });
}

}  // namespace graphrun::ops::attention
