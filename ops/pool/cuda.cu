#include <math.h>

#include "ops/common/compute_type.h"
#include "ops/common/cuda_vectors.cuh"
#include "ops/pool/average.h"

namespace graphrun::ops::pool {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// Channels of one index of a body: more would lie in local memory.
constexpr int kBodyBlock = 1;

// One output pixel's vector of channels under a window of 3x3.
template <class T, int kVector, class Index>
struct Pool3x3 {
  Index groups, out_h, out_w;
  int32_t in_h, in_w, stride_h, stride_w, padding_h, padding_w;
  int64_t x_stride, y_stride, index_stride;
  const T* x;
  T* y;
  uint8_t* index;  // null: not wanted

  __device__ void operator()(int64_t i) const {
    const Index pixel = static_cast<Index>(i) / groups;
    const auto channel = static_cast<int64_t>(static_cast<Index>(i) - pixel * groups) * kVector;
    const Index line = pixel / out_w;
    const Index image = line / out_h;
    const int32_t left = static_cast<int32_t>(pixel - line * out_w) * stride_w - padding_w;
    const int32_t top = static_cast<int32_t>(line - image * out_h) * stride_h - padding_h;
    // The first place that is not padding wins where no value is above -inf.
    const int32_t first = (top < 0 ? -3 * top : 0) + (left < 0 ? -left : 0);
    float best[kVector];
    int32_t winner[kVector];
#pragma unroll
    for (int c = 0; c < kVector; ++c) {
      best[c] = -INFINITY;
      winner[c] = first;
    }
    const T* const corner =
        x + ((static_cast<int64_t>(image) * in_h + top) * in_w + left) * x_stride + channel;
#pragma unroll
    for (int ky = 0; ky < 3; ++ky) {
      if (top + ky < 0 || top + ky >= in_h) continue;
#pragma unroll
      for (int kx = 0; kx < 3; ++kx) {
        if (left + kx < 0 || left + kx >= in_w) continue;
        const auto from = cuda::load<kVector>(corner + (static_cast<int64_t>(ky) * in_w + kx) * x_stride);
#pragma unroll
        for (int c = 0; c < kVector; ++c)
          challenge(static_cast<float>(from.element[c]), ky * 3 + kx, best[c], winner[c]);
      }
    }
    cuda::Vector<T, kVector> to;
#pragma unroll
    for (int c = 0; c < kVector; ++c) to.element[c] = static_cast<T>(best[c]);
    cuda::store(y + static_cast<int64_t>(pixel) * y_stride + channel, to);
    if (index == nullptr) return;
    cuda::Vector<uint8_t, kVector> places;
#pragma unroll
    for (int c = 0; c < kVector; ++c) places.element[c] = static_cast<uint8_t>(winner[c]);
    cuda::store(index + static_cast<int64_t>(pixel) * index_stride + channel, places);
  }
};

// A vector of channels of the 2x2 input pixels from (2 qy, 2 qx) of the padded map, under windows of 3x3 that
// are two pixels apart. Only four windows have them: those of output rows qy - 1 and qy, columns alike.
template <class T, int kVector, class Index>
struct PoolGrad3x3 {
  Index groups, squares_h, squares_w;
  int32_t in_h, in_w, out_h, out_w, padding_h, padding_w;
  int64_t gx_stride, gy_stride, index_stride;
  const T* gy;
  const uint8_t* index;
  T* gx;

  __device__ void operator()(int64_t i) const {
    const Index square = static_cast<Index>(i) / groups;
    const auto channel = static_cast<int64_t>(static_cast<Index>(i) - square * groups) * kVector;
    const Index line = square / squares_w;
    const Index image = line / squares_h;
    const auto qx = static_cast<int32_t>(square - line * squares_w);
    const auto qy = static_cast<int32_t>(line - image * squares_h);
    float sum[2][2][kVector] = {};
#pragma unroll
    for (int wy = 0; wy < 2; ++wy) {
      const int32_t oy = qy - 1 + wy;
      if (oy < 0 || oy >= out_h) continue;
#pragma unroll
      for (int wx = 0; wx < 2; ++wx) {
        const int32_t ox = qx - 1 + wx;
        if (ox < 0 || ox >= out_w) continue;
        const int64_t out = (static_cast<int64_t>(image) * out_h + oy) * out_w + ox;
        add_window(wy, wx, cuda::load<kVector>(gy + out * gy_stride + channel),
                   cuda::load<kVector>(index + out * index_stride + channel), sum);
      }
    }
#pragma unroll
    for (int dy = 0; dy < 2; ++dy) {
      const int32_t iy = 2 * qy + dy - padding_h;
      if (iy < 0 || iy >= in_h) continue;
#pragma unroll
      for (int dx = 0; dx < 2; ++dx) {
        const int32_t ix = 2 * qx + dx - padding_w;
        if (ix < 0 || ix >= in_w) continue;
        cuda::Vector<T, kVector> to;
#pragma unroll
        for (int c = 0; c < kVector; ++c) to.element[c] = static_cast<T>(sum[dy][dx][c]);
        cuda::store(gx + ((static_cast<int64_t>(image) * in_h + iy) * in_w + ix) * gx_stride + channel, to);
      }
    }
  }

  // Constants after unrolling: which of the four windows, and so the places of the four pixels in it.
  __device__ static void add_window(int wy, int wx, const cuda::Vector<T, kVector>& gradient,
                                    const cuda::Vector<uint8_t, kVector>& winner,
                                    float (&sum)[2][2][kVector]) {
#pragma unroll
    for (int dy = 0; dy < 2; ++dy) {
#pragma unroll
      for (int dx = 0; dx < 2; ++dx) {
        const int ky = dy + 2 - 2 * wy, kx = dx + 2 - 2 * wx;
        if (ky > 2 || kx > 2) continue;
#pragma unroll
        for (int c = 0; c < kVector; ++c) {
          sum[dy][dx][c] += winner.element[c] == ky * 3 + kx ? static_cast<float>(gradient.element[c]) : 0.0f;
        }
      }
    }
  }
};

// Positions in the padded map fit into 32 bits.
bool small_map(const Window& w) {
  constexpr int64_t kMax = int64_t{1} << 24;
  return w.in_h < kMax && w.in_w < kMax && w.stride_h < kMax && w.stride_w < kMax;
}

template <class T, int kVector, class Index>
std::unique_ptr<Kernel> make_pool(const KernelRequest& request, const Window& w) {
  const TensorDesc& y = request.outputs[0];
  Pool3x3<T, kVector, Index> functor{};
  functor.groups = static_cast<Index>(y.c() / kVector);
  functor.out_h = static_cast<Index>(w.out_h);
  functor.out_w = static_cast<Index>(w.out_w);
  functor.in_h = static_cast<int32_t>(w.in_h);
  functor.in_w = static_cast<int32_t>(w.in_w);
  functor.stride_h = static_cast<int32_t>(w.stride_h);
  functor.stride_w = static_cast<int32_t>(w.stride_w);
  functor.padding_h = static_cast<int32_t>(w.padding_h);
  functor.padding_w = static_cast<int32_t>(w.padding_w);
  functor.x_stride = request.inputs[0].pixel_stride;
  functor.y_stride = y.pixel_stride;
  functor.index_stride = request.outputs[1].pixel_stride;
  return make_threads_kernel(request, "cuda_3x3", functor, vector_count(y, kVector),
                             [](auto& to, const KernelRun& run) {
                               to.x = run.inputs[0].template as<const T>();
                               to.y = run.outputs[0].template as<T>();
                               to.index = run.outputs[1].template as<uint8_t>();
                             });
}

Prepared prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  const Window w = window_of(request.attrs, x, y);
  if (w.kernel_h != 3 || w.kernel_w != 3 || !small_map(w))
    return {ErrorCode::declined, "for windows of 3x3 on maps of usual sizes"};
  const TensorDesc index = request.output_present[1] ? request.outputs[1] : y;
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    return with_index(y.pixels() * y.c(), [&]<class Index>(Index) {
      return in_vectors({x, y, index}, kWide<T>) ? make_pool<T, kWide<T>, Index>(request, w)
                                                 : make_pool<T, 1, Index>(request, w);
    });
  });
}

template <class T, int kVector, class Index>
std::unique_ptr<Kernel> make_grad(const KernelRequest& request, const Window& w) {
  const TensorDesc& gx = request.outputs[0];
  PoolGrad3x3<T, kVector, Index> functor{};
  const int64_t squares_h = (w.padding_h + w.in_h + 1) / 2, squares_w = (w.padding_w + w.in_w + 1) / 2;
  functor.groups = static_cast<Index>(gx.c() / kVector);
  functor.squares_h = static_cast<Index>(squares_h);
  functor.squares_w = static_cast<Index>(squares_w);
  functor.in_h = static_cast<int32_t>(w.in_h);
  functor.in_w = static_cast<int32_t>(w.in_w);
  functor.out_h = static_cast<int32_t>(w.out_h);
  functor.out_w = static_cast<int32_t>(w.out_w);
  functor.padding_h = static_cast<int32_t>(w.padding_h);
  functor.padding_w = static_cast<int32_t>(w.padding_w);
  functor.gx_stride = gx.pixel_stride;
  functor.gy_stride = request.inputs[0].pixel_stride;
  functor.index_stride = request.inputs[1].pixel_stride;
  return make_threads_kernel(request, "cuda_3x3", functor,
                             gx.n() * squares_h * squares_w * (gx.c() / kVector),
                             [](auto& to, const KernelRun& run) {
                               to.gy = run.inputs[0].template as<const T>();
                               to.index = run.inputs[1].template as<const uint8_t>();
                               to.gx = run.outputs[0].template as<T>();
                             });
}

Prepared prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  const Window w = window_of(request.attrs, gx, gy);
  if (w.kernel_h != 3 || w.kernel_w != 3 || w.stride_h != 2 || w.stride_w != 2 || !small_map(w))
    return {ErrorCode::declined, "for windows of 3x3 two pixels apart, on maps of usual sizes"};
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    // Squares reach at most one pixel over the map.
    return with_index(gx.n() * (gx.h() + 3) * (gx.w() + 3) * gx.c(), [&]<class Index>(Index) {
      return in_vectors({gy, gx, request.inputs[1]}, kWide<T>) ? make_grad<T, kWide<T>, Index>(request, w)
                                                               : make_grad<T, 1, Index>(request, w);
    });
  });
}

// Windows of any size.
Prepared prepare_forward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = MaxPool<kBodyBlock, T>;
    const TensorDesc& y = request.outputs[0];
    const auto body = forward_form<Body>(request, blocks_of(y.c(), kBodyBlock));
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
      to.index = run.outputs[1].template as<uint8_t>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, y.pixels() * body.blocks);
  });
}

Prepared prepare_backward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = MaxPoolGrad<kBodyBlock, T>;
    const TensorDesc& gx = request.outputs[0];
    const auto body = backward_form<Body>(request, blocks_of(gx.c(), kBodyBlock));
    const auto bind = [](Body& to, const KernelRun& run) {
      to.gy = run.inputs[0].template as<const T>();
      to.index = run.inputs[1].template as<const uint8_t>();
      to.gx = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, gx.pixels() * body.blocks);
  });
}

Prepared prepare_average(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = AvgPool<kBodyBlock, T>;
    const TensorDesc& x = request.inputs[0];
    const TensorDesc& y = request.outputs[0];
    auto body = average_form<Body>(request.attrs, x, y, blocks_of(y.c(), kBodyBlock));
    body.x_stride = x.pixel_stride;
    body.y_stride = y.pixel_stride;
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, y.pixels() * body.blocks);
  });
}

Prepared prepare_average_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = AvgPoolGrad<kBodyBlock, T>;
    const TensorDesc& gy = request.inputs[0];
    const TensorDesc& gx = request.outputs[0];
    auto body = average_form<Body>(request.attrs, gx, gy, blocks_of(gx.c(), kBodyBlock));
    body.gy_stride = gy.pixel_stride;
    body.gx_stride = gx.pixel_stride;
    const auto bind = [](Body& to, const KernelRun& run) {
      to.gy = run.inputs[0].template as<const T>();
      to.gx = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, gx.pixels() * body.blocks);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {
      {"max_pool", "cuda_3x3", prepare_forward},       {"max_pool", "cuda_body", prepare_forward_body},
      {"max_pool_grad", "cuda_3x3", prepare_backward}, {"max_pool_grad", "cuda_body", prepare_backward_body},
      {"avg_pool", "cuda_body", prepare_average},      {"avg_pool_grad", "cuda_body", prepare_average_grad}};
}

}  // namespace graphrun::ops::pool
