#pragma once

#include <initializer_list>

#include "graphrun/bfloat16.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"

// Elementwise ops on activations of one shape: each thread takes as many neighbouring channels as fit into
// one access of 16 bytes, where all tensors allow that.
namespace graphrun::ops {

// How the elements of several tensors of one shape are walked: `rows` of `length` elements that lie together;
// one row where nothing lies between the pixels of any of them.
struct PixelWalk {
  int64_t rows = 0;
  int64_t length = 0;
  bool merged = false;
  bool wide = false;  // 16 bytes at once

  PixelWalk(std::initializer_list<TensorDesc> tensors) {
    const TensorDesc& first = *tensors.begin();
    merged = true;
    for (const TensorDesc& tensor : tensors) merged = merged && tensor.contiguous();
    rows = merged ? 1 : first.pixels();
    length = merged ? first.shape.count() : first.c();
    const int64_t vector = 16 / static_cast<int64_t>(size_of(first.dtype));
    wide = length % vector == 0;
    for (const TensorDesc& tensor : tensors) wide = wide && (merged || tensor.pixel_stride % vector == 0);
  }
  // Elements from row to row.
  int64_t stride(const TensorDesc& tensor) const { return merged ? 0 : tensor.pixel_stride; }
};

// out = f(in[0], in[1], ...), kVector elements a thread.
template <class T, int kInputs, int kVector, class F>
struct MapPixels {
  F f;
  const T* in[kInputs];
  int64_t in_stride[kInputs];
  T* out;
  int64_t out_stride;
  uint32_t groups;  // of kVector elements in a row

  __device__ void operator()(int64_t i) const {
    const int64_t row = groups == 0 ? 0 : i / groups;
    const int64_t at = (i - row * groups) * kVector;
    cuda::Vector<T, kVector> values[kInputs];
#pragma unroll
    for (int k = 0; k < kInputs; ++k) values[k] = cuda::load<kVector>(in[k] + row * in_stride[k] + at);
    cuda::Vector<T, kVector> result;
#pragma unroll
    for (int c = 0; c < kVector; ++c) {
      if constexpr (kInputs == 1) {
        result.element[c] = static_cast<T>(f(static_cast<float>(values[0].element[c])));
      } else {
        result.element[c] = static_cast<T>(
            f(static_cast<float>(values[0].element[c]), static_cast<float>(values[1].element[c])));
      }
    }
    cuda::store(out + row * out_stride + at, result);
  }
};

// A kernel that maps its first kInputs inputs, all activations of type T, to its first output by f.
template <class T, int kInputs, class F>
std::unique_ptr<Kernel> make_map_kernel(const KernelRequest& request, std::string_view name, F f) {
  static_assert(kInputs == 1 || kInputs == 2);
  const TensorDesc& y = request.outputs[0];
  const PixelWalk walk = kInputs == 1 ? PixelWalk{request.inputs[0], y}
                                      : PixelWalk{request.inputs[0], request.inputs[kInputs - 1], y};
  const auto launch = [&device = device_of(request), walk, name, f]<int kVector>(const KernelRun& run) {
    MapPixels<T, kInputs, kVector, F> map{
        f, {}, {}, run.outputs[0].template as<T>(), walk.stride(run.outputs[0].desc), 0};
    for (int k = 0; k < kInputs; ++k) {
      map.in[k] = run.inputs[static_cast<std::size_t>(k)].template as<const T>();
      map.in_stride[k] = walk.stride(run.inputs[static_cast<std::size_t>(k)].desc);
    }
    map.groups = walk.merged ? 0 : static_cast<uint32_t>(walk.length / kVector);
    return cuda::for_each(device.stream(), walk.rows * (walk.length / kVector), map, name);
  };
  return make_function_kernel(name, 0, [launch, wide = walk.wide](const KernelRun& run) {
    return wide ? launch.template operator()<16 / sizeof(T)>(run) : launch.template operator()<1>(run);
  });
}

}  // namespace graphrun::ops
