#include "ops/common/compute_type.h"
#include "ops/common/cuda_pixels.cuh"
#include "ops/common/cuda_regions.cuh"
#include "ops/elementwise/forms.h"

namespace graphrun::ops::elementwise {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// Channels of one index of a body: more would lie in local memory.
constexpr int kBodyBlock = 1;

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct AddRelu {
  __device__ float operator()(float a, float b) const {
    const float sum = a + b;
    return 0.0f > sum ? 0.0f : sum;
  }
};
struct Multiply {
  __device__ float operator()(float a, float b) const { return a * b; }
};

// One pixel's vector of channels of y, of one channel where an operand has no more. y may be the memory of an
// operand of its shape.
template <class T, int kVector, class Index, class F>
struct Broadcast {
  Operand<T> a, b;
  int64_t y_stride;
  Index groups, width, height;
  T* y;

  __device__ void operator()(int64_t i) const {
    const Index pixel = static_cast<Index>(i) / groups;
    const auto channel = static_cast<int64_t>(static_cast<Index>(i) - pixel * groups) * kVector;
    const Index line = pixel / width;
    const auto w = static_cast<int64_t>(pixel - line * width);
    const Index image = line / height;
    const auto h = static_cast<int64_t>(line - image * height);
    const auto n = static_cast<int64_t>(image);
    const auto left = cuda::load<kVector>(a.at(n, h, w) + channel * a.c_stride);
    const auto right = cuda::load<kVector>(b.at(n, h, w) + channel * b.c_stride);
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int c = 0; c < kVector; ++c) {
      result.element[c] =
          static_cast<T>(F()(static_cast<float>(left.element[c]), static_cast<float>(right.element[c])));
    }
    cuda::store(y + static_cast<int64_t>(pixel) * y_stride + channel, result);
  }
};

template <class T, int kVector, class Index, class F>
std::unique_ptr<Kernel> make_broadcast(const KernelRequest& request) {
  const TensorDesc& y = request.outputs[0];
  const Broadcast<T, kVector, Index, F> functor{operand<T>(request.inputs[0], y),
                                                operand<T>(request.inputs[1], y),
                                                y.pixel_stride,
                                                static_cast<Index>(y.c() / kVector),
                                                static_cast<Index>(y.w()),
                                                static_cast<Index>(y.h()),
                                                nullptr};
  return make_threads_kernel(request, "cuda", functor, vector_count(y, kVector),
                             [](auto& to, const KernelRun& run) {
                               to.a.data = run.inputs[0].template as<const T>();
                               to.b.data = run.inputs[1].template as<const T>();
                               to.y = run.outputs[0].template as<T>();
                             });
}

template <class F>
Prepared prepare_pair(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const TensorDesc& a = request.inputs[0];
    const TensorDesc& b = request.inputs[1];
    const TensorDesc& y = request.outputs[0];
    if (a.shape == b.shape) return make_map_kernel<T, 2>(request, "cuda", F());
    return with_index(y.pixels() * y.c(), [&]<class Index>(Index) {
      return in_vectors({a, b, y}, kWide<T>) ? make_broadcast<T, kWide<T>, Index, F>(request)
                                             : make_broadcast<T, 1, Index, F>(request);
    });
  });
}

Prepared prepare_add(const KernelRequest& request) {
  return request.attrs.text("activation") == "relu" ? prepare_pair<AddRelu>(request)
                                                    : prepare_pair<Add>(request);
}

Prepared prepare_reduce_channels(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (!sums_channels(x, y)) return {ErrorCode::declined, "sums channels only"};
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = ReduceChannels<T>;
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", reduction<Body>(x, y), bind, y.pixels());
  });
}

Status require_equal_channels(const KernelRequest& request) {
  if (!sums_channels(request.inputs[0], request.outputs[0])) return {};
  return {ErrorCode::declined, "sums no channels"};
}

Prepared prepare_reduce_to(const KernelRequest& request) {
  GRAPHRUN_TRY(require_equal_channels(request));
  return for_activation_type(request,
                             [&]<class T>(T) { return make_regions_kernel<T>(request, "cuda", false); });
}

// Takes any size.
Prepared prepare_reduce_to_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_equal_channels(request));
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = ReduceTo<kBodyBlock, T>;
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    const auto body = reduce_to<kBodyBlock, T>(request.inputs[0], request.outputs[0]);
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind,
                                       request.outputs[0].pixels() * body.blocks);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"add", "cuda", prepare_add},
          {"mul", "cuda", prepare_pair<Multiply>},
          {"reduce_to", "cuda_channels", prepare_reduce_channels},
          {"reduce_to", "cuda", prepare_reduce_to},
          {"reduce_to", "cuda_body", prepare_reduce_to_body}};
}

}  // namespace graphrun::ops::elementwise
