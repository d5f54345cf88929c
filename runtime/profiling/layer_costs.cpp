#include "runtime/profiling/layer_costs.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/model/infer.h"

namespace graphrun::profiling {

Status check_image_shape(const model::Program& program, std::span<const std::int64_t> shape) {
  GRAPHRUN_ASSIGN(const session::InputShapes image, session::image_shapes(program, 1, 1, 1));
  const std::int64_t channels = image.begin()->second[1];
  if (shape.size() == 4 && shape[1] == channels) return {};
  return {ErrorCode::usage, "--shape: expected N," + std::to_string(channels) + ",H,W"};
}

Result<std::vector<LayerCost>> eval_layers(const model::Program& program, const Shape& image) {
  const model::Method* method = program.model().method(methods::kEval);
  if (method == nullptr) return {ErrorCode::not_found, "the model has no method \"eval\""};
  GRAPHRUN_ASSIGN(const session::InputShapes shapes,
                  session::image_shapes(program, image[0], image[2], image[3]));
  GRAPHRUN_ASSIGN(session::DimValues dims, session::solve_dims(program, shapes));
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
