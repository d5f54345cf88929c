#include "ops/common/cuda_vectors.cuh"
#include "ops/subsample/body.h"

namespace graphrun::ops::subsample {
namespace {

// One element of y, where the body takes a row.
struct SubsampleElement {
  Subsample body;
  __device__ void operator()(int64_t i) const { body.pick(i / body.out_w, i % body.out_w); }
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const Shape& x = request.inputs[0].shape;
  const Shape& y = request.outputs[0].shape;
  const SubsampleElement functor{make_subsample(x[1], x[2], y[1], y[2])};
  return make_threads_kernel(request, "cuda", functor, y.count(),
                             [](SubsampleElement& to, const KernelRun& run) {
                               to.body.x = run.inputs[0].as<const int32_t>();
                               to.body.y = run.outputs[0].as<int32_t>();
                             });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"subsample", "cuda", prepare}}; }

}  // namespace graphrun::ops::subsample
