#include <algorithm>

#include "ops/common/function_kernel.h"
#include "ops/sgd/body.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::sgd {
namespace {

// Parameters, gradients and momenta never overlap.
GRAPHRUN_SIMD void update(float* parameter, const float* gradient, float* velocity, std::int64_t length,
                          float rate, float momentum, float weight_decay) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    step(parameter[i], gradient[i], velocity[i], rate, momentum, weight_decay);
  }
}

// All tensors are one range of elements, cut evenly, so that many small ones cost what one large one costs.
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const std::size_t count = (request.inputs.size() - 1) / 3;
  std::vector<std::int64_t> starts{0};
  for (std::size_t i = 0; i < count; ++i)
    starts.push_back(starts.back() + request.inputs[1 + i].shape.count());
  std::vector<float> multipliers;
  const std::vector<double>& given = request.attrs.reals("lr_mult");
  for (std::size_t i = 0; i < count; ++i) {
    multipliers.push_back(static_cast<float>(given[given.size() == 1 ? 0 : i]));
  }
  const auto run = [count, starts = std::move(starts), multipliers = std::move(multipliers),
                    momentum = static_cast<float>(request.attrs.real("momentum")),
                    decay = static_cast<float>(request.attrs.real("weight_decay")),
                    threads = request.threads](const KernelRun& io) {
    const float rate = *io.inputs[0].as<const float>();
    constexpr std::int64_t kGrain = 1 << 14;
    cpu::parallel_for(threads, starts.back(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      auto tensor = static_cast<std::size_t>(std::ranges::upper_bound(starts, begin) - starts.begin()) - 1;
      for (; tensor < count && starts[tensor] < end; ++tensor) {
        const std::int64_t from = std::max(begin, starts[tensor]) - starts[tensor];
        const std::int64_t to = std::min(end, starts[tensor + 1]) - starts[tensor];
        update(io.inputs[1 + tensor].as<float>() + from,
               io.inputs[1 + count + tensor].as<const float>() + from,
               io.inputs[1 + 2 * count + tensor].as<float>() + from, to - from, rate * multipliers[tensor],
               momentum, decay);
      }
    });
  };
  return make_function_kernel(request.def.name, 0, run);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"sgd", "cpu", prepare}}; }

}  // namespace graphrun::ops::sgd
