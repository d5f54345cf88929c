#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/psa_mask/body.h"

// A block of threads takes the channels of one pixel of the result, one after the other, where the body has a
// thread for all of them.
namespace graphrun::ops::psa_mask {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class Body>
__global__ void __launch_bounds__(cuda::kThreads) fill_pixels(const Body body) {
  const auto pixel = static_cast<int64_t>(blockIdx.x);
  body.fill(pixel, static_cast<int32_t>(threadIdx.x), static_cast<int32_t>(blockDim.x));
}

template <class T>
struct Spread {
  PsaMask<T> body;
  __device__ void fill(int64_t i, int32_t thread, int32_t threads) const {
    const Masks& m = body.masks;
    const auto h = static_cast<int32_t>(m.h), w = static_cast<int32_t>(m.w);
    const auto reach_h = static_cast<int32_t>(m.reach_h()), reach_w = static_cast<int32_t>(m.reach_w());
    const int64_t image = i / (m.h * m.w);
    const auto pixel = static_cast<int32_t>(i - image * m.h * m.w);
    const int32_t r = pixel / w, c = pixel % w;
    const Places at = body.places(r, c);
    const T* const from = body.x + image * m.h * m.w * body.x_stride + at.first;
    T* const to = body.y + i * body.y_stride;
    for (int32_t k = thread; k < h * w; k += threads) {
      const int32_t row = k / w, column = k % w;
      const bool inside =
          row + reach_h >= r && row <= r + reach_h && column + reach_w >= c && column <= c + reach_w;
      to[k] = inside ? from[row * at.row + column * at.column] : static_cast<T>(0.0f);
    }
  }
};

template <class T>
struct Gather {
  PsaMaskGrad<T> body;
  __device__ void fill(int64_t i, int32_t thread, int32_t threads) const {
    const Masks& m = body.masks;
    const auto h = static_cast<int32_t>(m.h), w = static_cast<int32_t>(m.w);
    const auto mask_h = static_cast<int32_t>(m.mask_h), mask_w = static_cast<int32_t>(m.mask_w);
    const int64_t image = i / (m.h * m.w);
    const auto pixel = static_cast<int32_t>(i - image * m.h * m.w);
    const Places at = body.places(pixel);
    const T* const from = body.gy + image * m.h * m.w * body.gy_stride + at.first;
    T* const to = body.gx + i * body.gx_stride;
    const int32_t up = m.compact ? 0 : pixel / w - mask_h / 2;
    const int32_t left = m.compact ? 0 : pixel % w - mask_w / 2;
    for (int32_t k = thread; k < mask_h * mask_w; k += threads) {
      const int32_t row = k / mask_w + up, column = k % mask_w + left;
      const bool inside = row >= 0 && row < h && column >= 0 && column < w;
      to[k] = inside ? from[row * at.row + column * at.column] : static_cast<T>(0.0f);
    }
  }
};

// Numbers of channels, whose square is that of the pixels, fit into 32 bits.
bool small_map(const TensorDesc& x, const TensorDesc& y) {
  constexpr int64_t kMax = int64_t{1} << 30;
  return x.c() < kMax && y.c() < kMax && x.pixels() < kMax;
}

Masks masks_of(const Attributes& attrs, const TensorDesc& x) {
  const std::vector<int64_t> mask = attrs.integers("mask");
  return {x.h(), x.w(), mask[0], mask[1], attrs.flag("compact")};
}

template <class Body>
auto launcher(const KernelRequest& request, int64_t pixels) {
  return [&device = device_of(request), pixels](const Body& body) {
    fill_pixels<<<static_cast<unsigned>(pixels), cuda::kThreads, 0, device.stream()>>>(body);
    return cuda::check_launch("psa_mask");
  };
}

Prepared prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (!small_map(x, y)) return {ErrorCode::declined, "its indices need more than 32 bits"};
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const Spread<T> spread{{masks_of(request.attrs, x), request.attrs.text("type") == "collect",
                            x.pixel_stride, y.pixel_stride, nullptr, nullptr}};
    const auto run = [launch = launcher<Spread<T>>(request, y.pixels()), spread](const KernelRun& io) {
      Spread<T> bound = spread;
      bound.body.x = io.inputs[0].template as<const T>();
      bound.body.y = io.outputs[0].template as<T>();
      return launch(bound);
    };
    return make_function_kernel("cuda", 0, run);
  });
}

Prepared prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  if (!small_map(gx, gy)) return {ErrorCode::declined, "its indices need more than 32 bits"};
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const Gather<T> gather{{masks_of(request.attrs, gx), request.attrs.text("type") == "collect",
                            gy.pixel_stride, gx.pixel_stride, nullptr, nullptr}};
    const auto run = [launch = launcher<Gather<T>>(request, gx.pixels()), gather](const KernelRun& io) {
      Gather<T> bound = gather;
      bound.body.gy = io.inputs[0].template as<const T>();
      bound.body.gx = io.outputs[0].template as<T>();
      return launch(bound);
    };
    return make_function_kernel("cuda", 0, run);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"psa_mask", "cuda", prepare_forward}, {"psa_mask_grad", "cuda", prepare_backward}};
}

}  // namespace graphrun::ops::psa_mask
