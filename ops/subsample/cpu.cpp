#include "ops/common/body_kernel.h"
#include "ops/subsample/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::subsample {
namespace {

[[gnu::flatten]] GRAPHRUN_SIMD void loop(const Subsample& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const Shape& x = request.inputs[0].shape;
  const Shape& y = request.outputs[0].shape;
  const Subsample body = make_subsample(x[1], x[2], y[1], y[2]);
  const auto bind = [](Subsample& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const std::int32_t>();
    to.y = run.outputs[0].as<std::int32_t>();
  };
  return make_body_kernel("subsample", body, bind, loop, y[0] * y[1], 2 * y[2], request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"subsample", "subsample", prepare}}; }

}  // namespace graphrun::ops::subsample
