#include <algorithm>
#include <bit>

#include "ops/common/function_kernel.h"
#include "ops/vector/body.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// Ops on a whole range of values, such as all gradients of a network: bound by memory.
namespace graphrun::ops::vector {
namespace {

constexpr std::int64_t kGrain = 1 << 16;  // elements

// z may be the memory of y.
GRAPHRUN_SIMD void blend(float a, const float* x, float b, const float* y, std::int64_t length, float* z) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) z[i] = axpby(a, x[i], b, y + i);
}

GRAPHRUN_SIMD bool any_nonfinite(const float* x, std::int64_t length) {
  std::uint32_t any = 0;
  for (std::int64_t i = 0; i < length; ++i) any |= is_nonfinite(std::bit_cast<std::uint32_t>(x[i])) ? 1 : 0;
  return any != 0;
}

GRAPHRUN_SIMD void move_towards(float t, const float* x, const float* y, std::int64_t length, float* z) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) z[i] = lerp(t, x[i], y[i]);
}

// In lanes whose number is fixed, so that the sum does not depend on the processor's vectors.
GRAPHRUN_SIMD double squares(const float* x, std::int64_t length) {
  constexpr std::int64_t kLanes = 16;
  double sums[kLanes] = {};
  const std::int64_t whole = length / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) {
      const auto value = static_cast<double>(x[i + k]);
      sums[k] += value * value;
    }
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  for (std::int64_t i = whole; i < length; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

Result<std::unique_ptr<Kernel>> prepare_axpby(const KernelRequest& request) {
  const auto run = [count = request.inputs[1].shape.count(), threads = request.threads](const KernelRun& io) {
    const float* const factors = io.inputs[0].as<const float>();
    const float* const x = io.inputs[1].as<const float>();
    const float* const y = io.inputs[2].as<const float>();
    float* const z = io.outputs[0].as<float>();
    cpu::parallel_for(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      blend(factors[0], x + begin, factors[1], y + begin, end - begin, z + begin);
    });
  };
  return make_function_kernel(request.def.name, 0, run);
}

// Each piece says whether it holds one; only the first that does is looked through.
Result<std::unique_ptr<Kernel>> prepare_first_nonfinite(const KernelRequest& request) {
  const std::int64_t count = request.inputs[0].shape.count();
  const std::int64_t pieces = cpu::piece_count(count, kGrain);
  const auto run = [count, pieces, threads = request.threads](const KernelRun& io) {
    const float* const x = io.inputs[0].as<const float>();
    auto* const found = static_cast<std::uint8_t*>(io.scratch);
    cpu::parallel_for(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      found[begin / kGrain] = any_nonfinite(x + begin, end - begin) ? 1 : 0;
    });
    std::int64_t at = (std::find(found, found + pieces, 1) - found) * kGrain;
    while (at < count && !is_nonfinite(std::bit_cast<std::uint32_t>(x[at]))) ++at;
    *io.outputs[0].as<std::int64_t>() = at < count ? at : -1;
  };
  return make_function_kernel(request.def.name, pieces, run);
}

Result<std::unique_ptr<Kernel>> prepare_lerp(const KernelRequest& request) {
  const auto run = [count = request.inputs[1].shape.count(), threads = request.threads](const KernelRun& io) {
    const float t = *io.inputs[0].as<const float>();
    const float* const x = io.inputs[1].as<const float>();
    const float* const y = io.inputs[2].as<const float>();
    float* const z = io.outputs[0].as<float>();
    cpu::parallel_for(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      move_towards(t, x + begin, y + begin, end - begin, z + begin);
    });
  };
  return make_function_kernel(request.def.name, 0, run);
}

// Each piece has its sum, and these are added in order: the number of threads does not matter.
Result<std::unique_ptr<Kernel>> prepare_sum_of_squares(const KernelRequest& request) {
  const std::int64_t count = request.inputs[0].shape.count();
  const std::int64_t pieces = cpu::piece_count(count, kGrain);
  const auto run = [count, pieces, threads = request.threads](const KernelRun& io) {
    const float* const x = io.inputs[0].as<const float>();
    auto* const sums = static_cast<double*>(io.scratch);
    cpu::parallel_for(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      sums[begin / kGrain] = squares(x + begin, end - begin);
    });
    double sum = 0;
    for (std::int64_t i = 0; i < pieces; ++i) sum += sums[i];
    *io.outputs[0].as<double>() = sum;
  };
  return make_function_kernel(request.def.name, pieces * static_cast<std::int64_t>(sizeof(double)), run);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"axpby", "cpu", prepare_axpby},
          {"first_nonfinite", "cpu", prepare_first_nonfinite},
          {"lerp", "cpu", prepare_lerp},
          {"sum_of_squares", "cpu", prepare_sum_of_squares}};
}

}  // namespace graphrun::ops::vector
