#include <algorithm>

#include "ops/common/function_kernel.h"
#include "ops/conv2d/kernels.h"
#include "ops/conv2d/parts.h"

namespace graphrun::ops::conv2d {
namespace {

void copy(const CopyRows& rows, std::int64_t count) {
  for (std::int64_t row = 0; row < count; ++row)
    std::copy_n(rows.from + row * rows.from_row, rows.length, rows.to + row * rows.to_row);
}

}  // namespace

Prepared prepare_slice_weight(const KernelRequest& request) {
  const TensorDesc& weight = request.inputs[0];
  const std::int64_t begin = request.attrs.integer("begin") * (row_of(weight) / weight.shape[1]);
  return make_function_kernel("slice_weight", 0, [begin](const KernelRun& run) {
    const TensorDesc& whole = run.inputs[0].desc;
    const TensorDesc& part = run.outputs[0].desc;
    copy({row_of(part), row_of(whole), row_of(part), run.inputs[0].as<const float>() + begin,
          run.outputs[0].as<float>()},
         part.shape[0]);
  });
}

Prepared prepare_join_weights(const KernelRequest&) {
  return make_function_kernel("join_weights", 0, [](const KernelRun& run) {
    const TensorDesc& whole = run.outputs[0].desc;
    float* to = run.outputs[0].as<float>();
    for (const TensorView& part : run.inputs) {
      copy({row_of(part.desc), row_of(part.desc), row_of(whole), part.as<const float>(), to}, whole.shape[0]);
      to += row_of(part.desc);
    }
  });
}

}  // namespace graphrun::ops::conv2d
