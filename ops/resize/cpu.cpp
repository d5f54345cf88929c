#include "ops/common/bytes.h"
#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize/cpu_rows.h"
#include "ops/resize/cpu_tables.h"

namespace graphrun::ops::resize {
namespace {

template <class T>
using Forward = WithTables<Resize<kCpuBlock, T>>;

template <class T>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  GRAPHRUN_TRY(take_sampling_tables(request, x, y));
  Forward<T> body{};
  body.use(interpolation_of(request.attrs), x, y);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Forward<T>& to, const KernelRun& run) {
    to.rows = to.row_sampling.taps.data();
    to.columns = to.column_sampling.taps.data();
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
  };
  constexpr std::int64_t kWork = 5 * kCpuBlock;
  const std::int64_t count = y.pixels() * body.blocks;
  return make_body_kernel("resize", std::move(body), bind, count, kWork, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"resize", "resize_rows", prepare_rows},
          {"resize", "resize",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"resize", "resize_rows_bytes", prepare_rows_bytes, {}, true},
          {"resize",
           "bytes",
           [](const KernelRequest& request) {
             return for_bytes(request, [&] { return prepare_forward<Byte>(request); });
           },
           {},
           true}};
}

}  // namespace graphrun::ops::resize
