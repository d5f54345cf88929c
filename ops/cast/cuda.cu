#include "ops/common/cuda_pixels.cuh"
#include "ops/common/cuda_vectors.cuh"

namespace graphrun::ops::cast {
namespace {

// kVector elements a thread: 16 bytes of the narrower type.
template <class From, class To, int kVector>
struct Cast {
  const From* x;
  To* y;
  int64_t x_stride, y_stride;
  uint32_t groups;  // vectors in a row; 0: all is one row

  __device__ void operator()(int64_t i) const {
    const int64_t row = groups == 0 ? 0 : i / groups;
    const int64_t at = (i - row * groups) * kVector;
    const auto from = cuda::load<kVector>(x + row * x_stride + at);
    cuda::Vector<To, kVector> to;
#pragma unroll
    for (int c = 0; c < kVector; ++c) to.element[c] = static_cast<To>(static_cast<float>(from.element[c]));
    cuda::store(y + row * y_stride + at, to);
  }
};

template <class From, class To, int kVector>
std::unique_ptr<Kernel> make_kernel(const KernelRequest& request, const PixelWalk& walk) {
  const int64_t groups = walk.length / kVector;
  const Cast<From, To, kVector> cast{nullptr, nullptr, walk.stride(request.inputs[0]),
                                     walk.stride(request.outputs[0]),
                                     walk.merged ? 0 : static_cast<uint32_t>(groups)};
  return make_threads_kernel(request, "cuda", cast, walk.rows * groups, [](auto& to, const KernelRun& run) {
    to.x = run.inputs[0].template as<const From>();
    to.y = run.outputs[0].template as<To>();
  });
}

template <class From, class To>
std::unique_ptr<Kernel> make_cast(const KernelRequest& request) {
  const PixelWalk walk{request.inputs[0], request.outputs[0]};
  constexpr int kVector = 8;
  bool wide = walk.length % kVector == 0;
  for (const TensorDesc* desc : {&request.inputs[0], &request.outputs[0]})
    wide = wide && (walk.merged || desc->pixel_stride % kVector == 0);
  return wide ? make_kernel<From, To, kVector>(request, walk) : make_kernel<From, To, 1>(request, walk);
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const DType from = request.inputs[0].dtype;
  const DType to = request.outputs[0].dtype;
  if (from == DType::f32 && to == DType::bf16) return make_cast<float, BFloat16>(request);
  if (from == DType::bf16 && to == DType::f32) return make_cast<BFloat16, float>(request);
  return {ErrorCode::declined, "casts between f32 and bf16, got " + std::string(to_string(from)) + " to " +
                                   std::string(to_string(to))};
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"cast", "cuda", prepare}}; }

}  // namespace graphrun::ops::cast
