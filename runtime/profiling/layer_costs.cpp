#include "runtime/profiling/layer_costs.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/model/infer.h"
#include "runtime/session/dims.h"

namespace graphrun::profiling {
Result<std::vector<LayerCost>> eval_layers(const model::Program& program, const Shape& image) {
  const model::Method* method = program.model().method("eval");
  if (method == nullptr) return {ErrorCode::not_found, "the model has no method \"eval\""};
  GRAPHRUN_ASSIGN(session::DimValues dims, session::solve_dims(program, {{"image", image}}));
  GRAPHRUN_ASSIGN(
      const std::vector<ValueType> types,
      model::infer_types(program.model(), *method, program.registry(), session::lookup_in(std::move(dims))));
  const auto shape_of = [&](ValueId value) {
    std::vector<std::int64_t> extents;
    for (const Dim& dim : types[static_cast<std::size_t>(value)].shape) extents.push_back(dim.constant());
    return Shape(extents);
  };
  std::vector<LayerCost> layers;
  constexpr std::string_view kConvolutions[] = {"conv2d", "conv2d_bn", "conv2d_bn_pyramid"};
  for (const Node& node : method->nodes) {
    if (std::ranges::find(kConvolutions, node.op) == std::end(kConvolutions)) continue;
    const Shape weight = shape_of(node.inputs[1]);
    const Shape output = shape_of(node.outputs[0]);
    const double window = static_cast<double>(weight[1] * weight[2] * weight[3]);
    layers.push_back({node.path, output, 2 * window * static_cast<double>(output.count())});
  }
  return layers;
}

}  // namespace graphrun::profiling
