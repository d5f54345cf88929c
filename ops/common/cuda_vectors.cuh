#pragma once

#include <initializer_list>

#include "graphrun/bfloat16.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"

// Kernels whose threads take neighbouring channels of one pixel, as many as fit into 16 bytes.
namespace graphrun::ops {

template <class T>
inline constexpr int kWide = 16 / sizeof(T);

// Vectors of `count` channels cover each of these activations, and begin where they may be read at once.
inline bool in_vectors(std::initializer_list<TensorDesc> tensors, int count) {
  for (const TensorDesc& tensor : tensors)
    if (tensor.c() % count != 0 || tensor.pixel_stride % count != 0) return false;
  return true;
}

// Vectors of `count` channels in all pixels.
inline int64_t vector_count(const TensorDesc& tensor, int count) {
  return tensor.pixels() * (tensor.c() / count);
}

// make(index), where `index` is of the cheapest unsigned type that numbers so many threads.
template <class Make>
auto with_index(int64_t count, const Make& make) {
  return count < (int64_t{1} << 31) ? make(uint32_t()) : make(uint64_t());
}

// A kernel that runs a functor, one thread an index; `bind` sets the pointers of a copy of it.
template <class Functor, class Bind>
std::unique_ptr<Kernel> make_threads_kernel(const KernelRequest& request, std::string_view name,
                                            const Functor& functor, int64_t count, Bind bind) {
  return make_function_kernel(
      name, 0, [&device = device_of(request), name, functor, count, bind](const KernelRun& run) {
        Functor bound = functor;
        bind(bound, run);
        return cuda::for_each(device.stream(), count, bound, name);
      });
}

}  // namespace graphrun::ops
