#include "runtime/profiling/layer_costs.h"

#include <string_view>

#include "runtime/model/cost.h"
#include "runtime/model/infer.h"

namespace graphrun::profiling {

Status check_image_shape(const model::Program& program, std::span<const std::int64_t> shape) {
  GRAPHRUN_ASSIGN(const session::InputShapes image, session::image_shapes(program, 1, 1, 1));
  const std::int64_t channels = image.begin()->second[1];
  if (shape.size() == 4 && shape[1] == channels) return {};
  return {ErrorCode::usage, "--shape: expected N," + std::to_string(channels) + ",H,W"};
}

Result<std::vector<LayerCost>> eval_layers(const model::Program& program, const Shape& image) {
  const model::Method* method = program.model().method(model::methods::kEval);
  if (method == nullptr) return {ErrorCode::not_found, "the model has no method \"eval\""};
  GRAPHRUN_ASSIGN(const session::InputShapes shapes,
                  session::image_shapes(program, image[0], image[2], image[3]));
  GRAPHRUN_ASSIGN(session::DimValues dims, session::solve_dims(program, shapes));
  const SymbolLookup sizes = session::lookup_in(std::move(dims));
  GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                  model::infer_types(program.model(), *method, program.registry(), sizes));
  const SymbolLookup symbols = [&, parameters = program.model().parameter_values()](std::string_view name) {
    const auto found = parameters(name);
    return found ? found : sizes(name);
  };
  std::vector<LayerCost> layers;
  for (const Node& node : method->nodes) {
    GRAPHRUN_ASSIGN(const double operations, model::cost_of(node, program.registry(), types, symbols));
    if (operations == 0) continue;
    std::vector<std::int64_t> extents;
    for (const Dim& dim : types[static_cast<std::size_t>(node.outputs[0])].shape)
      extents.push_back(dim.constant());
    layers.push_back({node.path, Shape(extents), operations});
  }
  return layers;
}

}  // namespace graphrun::profiling
