#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize/cpu_rows.h"
#include "ops/resize/cpu_tables.h"

namespace graphrun::ops::resize {
namespace {

template <class T>
using Backward = WithTables<ResizeGrad<kCpuBlock, T>>;

template <class T>
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  GRAPHRUN_TRY(take_sampling_tables(request, gx, gy));
  Backward<T> body{};
  body.use(interpolation_of(request.attrs), gx, gy);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Backward<T>& to, const KernelRun& run) {
    to.rows = to.row_sampling.taps.data();
    to.columns = to.column_sampling.taps.data();
    to.row_readers = to.row_sampling.readers.data();
    to.column_readers = to.column_sampling.readers.data();
    to.gy = run.inputs[0].as<const T>();
    to.gx = run.outputs[0].as<T>();
  };
  const std::int64_t work = kCpuBlock * (1 + 4 * gy.h() * gy.w() / (gx.h() * gx.w()));
  const std::int64_t count = gx.pixels() * body.blocks;
  return make_body_kernel("resize_grad", std::move(body), bind, count, work, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"resize_grad", "resize_grad_rows", prepare_grad_rows},
          {"resize_grad", "resize_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::resize
