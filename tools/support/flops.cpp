#include "tools/support/flops.h"

#include "runtime/model/infer.h"
#include "runtime/session/dims.h"

namespace graphrun {
namespace {

double extent(const ValueType& type, std::size_t axis) {
  return static_cast<double>(type.shape[axis].constant());
}

}  // namespace

Result<double> eval_flops(const Program& program, const Shape& image) {
  const Method* method = program.model().method("eval");
  if (method == nullptr) return {ErrorCode::not_found, "the model has no method \"eval\""};
  GRAPHRUN_ASSIGN(DimValues dims, solve_dims(program, {{"image", image}}));
  GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                  infer_types(program.model(), *method, program.registry(), lookup_in(std::move(dims))));
  double flops = 0;
  for (const Node& node : method->nodes) {
    if (node.op != "conv2d" && node.op != "conv2d_bn") continue;
    const ValueType& weight = types[static_cast<std::size_t>(node.inputs[1])];
    const ValueType& out = types[static_cast<std::size_t>(node.outputs[0])];
    const double window = extent(weight, 1) * extent(weight, 2) * extent(weight, 3);
    flops += 2 * window * extent(out, 0) * extent(out, 1) * extent(out, 2) * extent(out, 3);
  }
  return flops;
}

}  // namespace graphrun
