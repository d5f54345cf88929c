#include "runtime/weights/value_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr std::size_t kBlock = 1 << 14;  // values between two looks at what was found

// Comparisons of integers without a way out, and of a fixed number of them: the compiler makes vectors of it.
bool all_finite(std::span<const float> values) {
  constexpr std::size_t kRun = 256;
  constexpr std::int32_t kMagnitude = 0x7fffffff;
  constexpr std::int32_t kLargest = 0x7f7fffff;
  std::int32_t found = 0;
  for (; values.size() >= kRun; values = values.subspan(kRun)) {
    for (std::size_t i = 0; i < kRun; ++i) {
      const auto bits = std::bit_cast<std::int32_t>(values[i]) & kMagnitude;
      found |= bits > kLargest ? 1 : 0;
    }
  }
  return found == 0 && std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

bool is_variance(std::string_view operand) { return operand == "var" || operand.ends_with("_var"); }

std::string place_of(std::size_t index, const Shape& shape) {
  std::string text;
  auto rest = static_cast<std::int64_t>(index);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(rest % shape[axis]) + (text.empty() ? "" : ", ") + text;
    rest /= shape[axis];
  }
  return "(" + text + ") of " + to_string(shape);
}

std::string text_of(float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinite" : "minus infinity";
  return std::to_string(value);
}

// What the first value is that is not finite, or not to be negative, and where; empty: there is none.
std::string first_bad(const Shape& shape, std::span<const float> values, bool not_negative) {
  const auto is_bad = [&](float value) { return !std::isfinite(value) || (not_negative && value < 0); };
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::span<const float> block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    if (all_finite(block) && (!not_negative || std::ranges::none_of(block, is_bad))) continue;
    const auto at = static_cast<std::size_t>(std::ranges::find_if(block, is_bad) - block.begin()) + begin;
    const std::string_view why = std::isfinite(values[at]) ? ", which no variance can be," : "";
    return text_of(values[at]) + std::string(why) + " at " + place_of(at, shape);
  }
  return {};
}

}  // namespace

std::string first_nonfinite(const Shape& shape, std::span<const float> values) {
  return first_bad(shape, values, false);
}

Status check_values(std::string_view name, const Shape& shape, std::span<const float> values,
                    bool not_negative) {
  const std::string what = first_bad(shape, values, not_negative);
  if (what.empty()) return {};
  return {ErrorCode::invalid_file,
          "tensor " + quoted(name) + " is " + what +
              "; a network with such weights gives results without meaning: take another checkpoint"};
}

std::vector<bool> not_negative_variables(const model::Program& program) {
  const model::Model& model = program.model();
  std::vector<bool> result(model.variables.size(), false);
  for (const model::Method& method : model.methods) {
    for (const Node& node : method.nodes) {
      const OpDef* const def = program.registry().find(node.op);
      for (std::size_t i = 0; i < std::min(node.inputs.size(), def->inputs.size()); ++i) {
        if (!is_variance(def->inputs[i].name) || node.inputs[i] == kNoValue) continue;
        const model::Value& value = method.values[static_cast<std::size_t>(node.inputs[i])];
        if (value.origin == model::Origin::variable) result[static_cast<std::size_t>(value.index)] = true;
      }
    }
  }
  return result;
}

}  // namespace graphrun::weights
