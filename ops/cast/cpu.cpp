#include "ops/common/bytes.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::cast {
namespace {

template <class From, class To>
GRAPHRUN_SIMD void cast_row(const From* x, To* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<To>(static_cast<float>(x[i]));
}

template <class From, class To>
std::unique_ptr<Kernel> make_cast(const KernelRequest& request) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel("cast", 0, [rows, threads = request.threads](const KernelRun& run) {
    const From* const x = run.inputs[0].as<const From>();
    To* const y = run.outputs[0].as<To>();
    rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
      cast_row(x + at * rows.stride(0), y + at * rows.stride(1), length);
    });
  });
}

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const DType from = request.inputs[0].dtype;
  const DType to = request.outputs[0].dtype;
  if (from == DType::f32 && to == DType::bf16) return make_cast<float, BFloat16>(request);
  if (from == DType::bf16 && to == DType::f32) return make_cast<BFloat16, float>(request);
  return {ErrorCode::declined, "casts between f32 and bf16, got " + std::string(to_string(from)) + " to " +
                                   std::string(to_string(to))};
}

std::unique_ptr<Kernel> make_byte_cast(const KernelRequest& request, bool to_bytes) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel(
      to_bytes ? "quantise" : "dequantise", 0,
      [rows, convert = to_bytes ? quantise : dequantise, threads = request.threads](const KernelRun& run) {
        convert(run.inputs[0], run.outputs[0], rows, threads);
      });
}

Result<std::unique_ptr<Kernel>> prepare_bytes(const KernelRequest& request) {
  const TensorDesc& from = request.inputs[0];
  const TensorDesc& to = request.outputs[0];
  const TensorDesc& wide = is_byte(from) ? to : from;
  if (is_byte(from) != is_byte(to) && (wide.dtype == DType::f32 || wide.dtype == DType::bf16))
    return make_byte_cast(request, is_byte(to));
  return {ErrorCode::declined, "casts between bytes of a scale and f32 or bf16, got " +
                                   std::string(to_string(from.dtype)) + " to " +
                                   std::string(to_string(to.dtype))};
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"cast", "cast", prepare}, {"cast", "bytes", prepare_bytes, {}, true}};
}

}  // namespace graphrun::ops::cast
