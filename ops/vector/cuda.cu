#include <algorithm>

#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/vector/body.h"

// Ops on a whole range of values, such as all gradients of a network: bound by memory.
namespace graphrun::ops::vector {
namespace {

constexpr int kVector = 4;

bool aligned(std::initializer_list<const void*> addresses) {
  return std::ranges::all_of(addresses, [](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % (kVector * sizeof(float)) == 0;
  });
}

// kVector elements a thread. z may be the memory of y.
struct Blend {
  int64_t count;
  bool wide;  // all addresses allow access to kVector elements at once
  const float* factors;
  const float* x;
  const float* y;
  float* z;

  __device__ void operator()(int64_t i) const {
    const float a = factors[0], b = factors[1];
    const int64_t begin = i * kVector;
    if (wide && begin + kVector <= count) {
      const auto left = cuda::load<kVector>(x + begin);
      cuda::Vector<float, kVector> right{};
      if (b != 0) right = cuda::load<kVector>(y + begin);
      cuda::Vector<float, kVector> to;
#pragma unroll
      for (int k = 0; k < kVector; ++k) to.element[k] = axpby(a, left.element[k], b, &right.element[k]);
      cuda::store(z + begin, to);
    } else {
      const int64_t end = begin + kVector < count ? begin + kVector : count;
      for (int64_t k = begin; k < end; ++k) z[k] = axpby(a, x[k], b, y + k);
    }
  }
};

Result<std::unique_ptr<Kernel>> prepare_axpby(const KernelRequest& request) {
  const auto run = [&device = device_of(request),
                    count = request.inputs[1].shape.count()](const KernelRun& io) {
    Blend blend{count,
                false,
                io.inputs[0].as<const float>(),
                io.inputs[1].as<const float>(),
                io.inputs[2].as<const float>(),
                io.outputs[0].as<float>()};
    blend.wide = aligned({blend.x, blend.y, blend.z});
    return cuda::for_each(device.stream(), (count + kVector - 1) / kVector, blend, "axpby");
  };
  return make_function_kernel("cuda", 0, run);
}

// Lowers *first, which begins as the largest number, to the first index found.
struct FindNonfinite {
  static constexpr int kRun = 4;  // loads in flight
  int64_t count;
  int64_t threads;
  bool wide;
  const float* x;
  unsigned long long* first;

  __device__ void operator()(int64_t i) const {
    const int64_t vectors = wide ? count / kVector : 0;
    for (int64_t at = i; at < vectors; at += kRun * threads) {
      cuda::Vector<float, kVector> run[kRun] = {};
#pragma unroll
      for (int k = 0; k < kRun; ++k)
        if (at + k * threads < vectors) run[k] = cuda::load<kVector>(x + (at + k * threads) * kVector);
#pragma unroll
      for (int k = 0; k < kRun; ++k) {
#pragma unroll
        for (int c = 0; c < kVector; ++c) look(run[k].element[c], (at + k * threads) * kVector + c);
      }
    }
    for (int64_t at = vectors * kVector + i; at < count; at += threads) look(x[at], at);
  }
  __device__ void look(float value, int64_t at) const {
    if (is_nonfinite(__float_as_uint(value))) atomicMin(first, static_cast<unsigned long long>(at));
  }
};

Result<std::unique_ptr<Kernel>> prepare_first_nonfinite(const KernelRequest& request) {
  const int64_t count = request.inputs[0].shape.count();
  const int64_t resident = int64_t{8} * device_of(request).multiprocessors() * cuda::kThreads;
  const int64_t threads = std::clamp<int64_t>(count / (kVector * FindNonfinite::kRun), 1, resident);
  const auto run = [&device = device_of(request), count, threads](const KernelRun& io) -> Status {
    static_assert(sizeof(unsigned long long) == sizeof(std::int64_t));
    const float* const x = io.inputs[0].as<const float>();
    // All bits set: the largest number, and -1 where nothing is found.
    GRAPHRUN_TRY(cuda::check(cudaMemsetAsync(io.outputs[0].data, 0xFF, sizeof(std::int64_t), device.stream()),
                             "first_nonfinite"));
    const FindNonfinite find{count, threads, aligned({x}), x, io.outputs[0].as<unsigned long long>()};
    return cuda::for_each(device.stream(), threads, find, "first_nonfinite");
  };
  return make_function_kernel("cuda", 0, run);
}

// z may be the memory of y.
struct MoveTowards {
  const float* t;
  const float* x;
  const float* y;
  float* z;

  __device__ void operator()(int64_t i) const { z[i] = lerp(*t, x[i], y[i]); }
};

Result<std::unique_ptr<Kernel>> prepare_lerp(const KernelRequest& request) {
  const auto run = [&device = device_of(request),
                    count = request.inputs[1].shape.count()](const KernelRun& io) {
    const MoveTowards move{io.inputs[0].as<const float>(), io.inputs[1].as<const float>(),
                           io.inputs[2].as<const float>(), io.outputs[0].as<float>()};
    return cuda::for_each(device.stream(), count, move, "lerp");
  };
  return make_function_kernel("cuda", 0, run);
}

// Thread i has the sum of the squares of x[i], x[i + threads], ...
struct SumSquares {
  int64_t count;
  int64_t threads;
  const float* x;
  double* sums;

  __device__ void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t at = i; at < count; at += threads) sum += static_cast<double>(x[at]) * x[at];
    sums[i] = sum;
  }
};

// Thread i has the sum of from[i], from[i + threads], ...
struct SumStrided {
  int64_t count;
  int64_t threads;
  const double* from;
  double* to;

  __device__ void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t at = i; at < count; at += threads) sum += from[at];
    to[i] = sum;
  }
};

// Three passes over ever fewer sums, whose order is fixed.
Result<std::unique_ptr<Kernel>> prepare_sum_of_squares(const KernelRequest& request) {
  constexpr int64_t kFirst = 1 << 17;
  constexpr int64_t kSecond = 1 << 9;
  const int64_t count = request.inputs[0].shape.count();
  const auto run = [&device = device_of(request), count](const KernelRun& io) -> Status {
    auto* const first = static_cast<double*>(io.scratch);
    double* const second = first + kFirst;
    const SumSquares squares{count, kFirst, io.inputs[0].as<const float>(), first};
    GRAPHRUN_TRY(cuda::for_each(device.stream(), kFirst, squares, "sum_of_squares"));
    GRAPHRUN_TRY(cuda::for_each(device.stream(), kSecond, SumStrided{kFirst, kSecond, first, second},
                                "sum_of_squares"));
    return cuda::for_each(device.stream(), 1, SumStrided{kSecond, 1, second, io.outputs[0].as<double>()},
                          "sum_of_squares");
  };
  return make_function_kernel("cuda", (kFirst + kSecond) * static_cast<int64_t>(sizeof(double)), run);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"axpby", "cuda", prepare_axpby},
          {"first_nonfinite", "cuda", prepare_first_nonfinite},
          {"lerp", "cuda", prepare_lerp},
          {"sum_of_squares", "cuda", prepare_sum_of_squares}};
}

}  // namespace graphrun::ops::vector
