#include "runtime/session/dims.h"

#include <algorithm>
#include <cstdlib>

#include "runtime/session/signature.h"

namespace graphrun::session {
namespace {

bool is_symbol(const Expr& expr) { return expr.tokens.size() == 1 && expr.tokens[0].op == ExprOp::symbol; }

}  // namespace

std::string declared_shape(const model::Model& model, const model::Input& input) {
  const SymbolLookup parameters = model.parameter_values();
  std::string text = "(";
  for (const Expr& extent : input.shape) {
    const Result<Dim> known = evaluate_dim(extent, parameters);
    text += (text.size() > 1 ? ", " : "") + (known.ok() ? to_string(*known) : to_string(extent));
  }
  return text + ")";
}

SymbolLookup lookup_in(DimValues values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<Number> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return Number(Dim(found->second));
  };
}

Result<InputShapes> image_shapes(const model::Program& program, std::int64_t n, std::int64_t h,
                                 std::int64_t w) {
  const model::Port* const image = program.model().signature.input(model::roles::kImage);
  if (image == nullptr) return missing_port(program.model(), "input", model::roles::kImage);
  GRAPHRUN_ASSIGN(const Dim channels, evaluate_dim(image->channels, program.model().parameter_values()));
  return InputShapes{{image->name, Shape{n, channels.constant(), h, w}}};
}

Result<DimValues> solve_dims(const model::Program& program, const InputShapes& input_shapes) {
  const model::Model& model = program.model();
  const SymbolLookup parameters = model.parameter_values();
  DimValues values;
  const auto mismatch = [&model](const model::Input& input, const Shape& shape) {
    return Status(ErrorCode::shape, "input \"" + input.name + "\": expected " + declared_shape(model, input) +
                                        ", got " + to_string(shape));
  };
  for (const auto& [name, shape] : input_shapes) {
    const auto input = std::ranges::find(model.inputs, name, &model::Input::name);
    if (input == model.inputs.end()) return {ErrorCode::not_found, "the model has no input \"" + name + "\""};
    if (static_cast<std::size_t>(shape.rank()) != input->shape.size()) return mismatch(*input, shape);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Expr& expr = input->shape[static_cast<std::size_t>(axis)];
      if (!is_symbol(expr) || parameters(expr.symbols[0])) continue;
      const auto [entry, is_new] = values.emplace(expr.symbols[0], shape[axis]);
      if (!is_new && entry->second != shape[axis]) return mismatch(*input, shape);
      if (shape[axis] < 1) return mismatch(*input, shape);
    }
  }
  const SymbolLookup symbols = [&, dims = lookup_in(values)](std::string_view name) {
    auto found = parameters(name);
    return found ? found : dims(name);
  };
  for (const auto& [name, shape] : input_shapes) {
    const auto input = std::ranges::find(model.inputs, name, &model::Input::name);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      GRAPHRUN_ASSIGN(const Dim extent,
                      evaluate_dim(input->shape[static_cast<std::size_t>(axis)], symbols).with_context(name));
      if (!(extent == Dim(shape[axis]))) return mismatch(*input, shape);
    }
  }
  // The optimiser's method has no image, and the requirements are about images.
  if (input_shapes.empty()) return values;
  for (const model::Requirement& requirement : model.requirements) {
    GRAPHRUN_ASSIGN(const double holds,
                    evaluate_real(requirement.condition, symbols).with_context("require"));
    if (holds != 0) continue;
    std::string sizes;
    for (const auto& [name, value] : values)
      sizes += (sizes.empty() ? "" : ", ") + name + " = " + std::to_string(value);
    return {ErrorCode::shape, "the model requires " + to_string(requirement.condition) +
                                  (requirement.because.empty() ? "" : " (" + requirement.because + ")") +
                                  "; got " + sizes};
  }
  return values;
}

std::string nearest_sides(const model::Program& program, const InputShapes& input_shapes) {
  const model::Port* const image = program.model().signature.input(model::roles::kImage);
  const auto found = image == nullptr ? input_shapes.end() : input_shapes.find(image->name);
  if (found == input_shapes.end() || found->second.rank() != 4) return {};
  const Shape& shape = found->second;
  const auto takes = [&](std::int64_t side) {
    const auto square = image_shapes(program, shape[0], side, side);
    return square.ok() && solve_dims(program, *square).ok();
  };
  constexpr std::int64_t kFar = 256;
  std::string text;
  for (const int axis : {2, 3}) {
    const std::int64_t side = shape[axis];
    if (takes(side) || (axis == 3 && side == shape[2])) continue;
    std::string sides;
    for (const std::int64_t step : {-1, 1}) {
      std::int64_t near = side + step;
      while (near > 0 && std::abs(near - side) < kFar && !takes(near)) near += step;
      if (near > 0 && takes(near)) sides += (sides.empty() ? "" : " or ") + std::to_string(near);
    }
    if (!sides.empty()) text += "; instead of " + std::to_string(side) + ": " + sides;
  }
  return text;
}

}  // namespace graphrun::session
