#include "ops/common/compute_type.h"
#include "ops/common/cuda_vectors.cuh"
#include "ops/dropout2d/body.h"

namespace graphrun::ops::dropout2d {
namespace {

struct Factors {
  int64_t channels, stream;
  bool samples;
  float p;
  const int64_t* rng;  // seed, iteration, first sample
  float* factors;      // (N, C)

  __device__ void operator()(int64_t i) const {
    const int64_t n = i / channels;
    factors[i] = channel_factor(rng[0], rng[1], stream, rng[2] + n, samples ? 0 : i - n * channels, p);
  }
};

// Each channel times its factor. y may be the memory of x.
template <class T, int kVector, class Index>
struct Multiply {
  Index groups;  // vectors of channels of a pixel
  Index pixels;  // of an image
  int64_t x_stride, y_stride;
  const T* x;
  const float* factors;
  T* y;

  __device__ void operator()(int64_t i) const {
    const Index pixel = static_cast<Index>(i) / groups;
    const Index group = static_cast<Index>(i) - pixel * groups;
    const auto at = static_cast<int64_t>(group) * kVector;
    const auto from = cuda::load<kVector>(x + static_cast<int64_t>(pixel) * x_stride + at);
    const auto factor = cuda::load<kVector>(
        factors + (static_cast<int64_t>(pixel / pixels) * static_cast<int64_t>(groups) + group) * kVector);
    cuda::Vector<T, kVector> to;
#pragma unroll
    for (int c = 0; c < kVector; ++c)
      to.element[c] = static_cast<T>(static_cast<float>(from.element[c]) * factor.element[c]);
    cuda::store(y + static_cast<int64_t>(pixel) * y_stride + at, to);
  }
};

// Forward and backward alike.
template <class T, int kVector, class Index>
std::unique_ptr<Kernel> make_kernel(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const Factors factors{x.c(),
                        request.attrs.integer("stream"),
                        request.attrs.flag("samples"),
                        static_cast<float>(request.attrs.real("p")),
                        nullptr,
                        nullptr};
  const Multiply<T, kVector, Index> multiply{static_cast<Index>(x.c() / kVector),
                                             static_cast<Index>(x.h() * x.w()),
                                             x.pixel_stride,
                                             request.outputs[0].pixel_stride,
                                             nullptr,
                                             nullptr,
                                             nullptr};
  const int64_t channels = x.n() * x.c();
  const auto run = [&device = device_of(request), factors, multiply, channels,
                    count = vector_count(x, kVector)](const KernelRun& io) -> Status {
    Factors first = factors;
    first.rng = io.inputs[1].template as<const int64_t>();
    first.factors = static_cast<float*>(io.scratch);
    GRAPHRUN_TRY(cuda::for_each(device.stream(), channels, first, "dropout2d"));
    Multiply<T, kVector, Index> second = multiply;
    second.x = io.inputs[0].template as<const T>();
    second.factors = first.factors;
    second.y = io.outputs[0].template as<T>();
    return cuda::for_each(device.stream(), count, second, "dropout2d");
  };
  return make_function_kernel("cuda", channels * static_cast<int64_t>(sizeof(float)), run);
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const TensorDesc& x = request.inputs[0];
    return with_index(x.pixels() * x.c(), [&]<class Index>(Index) {
      return in_vectors({x, request.outputs[0]}, kWide<T>) ? make_kernel<T, kWide<T>, Index>(request)
                                                           : make_kernel<T, 1, Index>(request);
    });
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"dropout2d_train", "cuda", prepare}, {"dropout2d_grad", "cuda", prepare}};
}

}  // namespace graphrun::ops::dropout2d
