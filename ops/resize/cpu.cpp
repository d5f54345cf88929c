#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/resize/body.h"
#include "ops/resize/cpu_rows.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/sampling.h"

// The bodies on the CPU: for reductions so strong that working row by row would compute what nobody reads.
namespace graphrun::ops::resize {
namespace {

// A body with the tables that it points into.
template <class Body>
struct WithTables : Body {
  numeric::Sampling row_sampling, column_sampling;

  void use(numeric::Interpolation rule, const TensorDesc& low, const TensorDesc& high) {
    row_sampling = numeric::sampling(rule, low.h(), high.h());
    column_sampling = numeric::sampling(rule, low.w(), high.w());
    this->extents = {low.h(), low.w(), high.h(), high.w()};
    this->channels = low.c();
    this->blocks = block_count(low.c(), kCpuBlock);
  }
};
template <class T>
using Forward = WithTables<Resize<kCpuBlock, T>>;
template <class T>
using Backward = WithTables<ResizeGrad<kCpuBlock, T>>;

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void forward_loop(const Forward<T>& body, std::int64_t begin,
                                                 std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void backward_loop(const Backward<T>& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

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
  return make_body_kernel("resize", std::move(body), bind, forward_loop<T>, count, kWork, request.threads);
}

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
  return make_body_kernel("resize_grad", std::move(body), bind, backward_loop<T>, count, work,
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"resize", "resize_rows", prepare_rows},
          {"resize", "resize",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"resize_grad", "resize_grad_rows", prepare_grad_rows},
          {"resize_grad", "resize_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::resize
