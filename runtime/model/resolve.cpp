#include "runtime/model/resolve.h"

#include <algorithm>
#include <array>
#include <optional>

#include "runtime/model/lazy_context.h"

namespace graphrun::model {
namespace {

constexpr std::size_t kActivationRank = 4;
// An activation's limit in rows or columns, other tensors' along each axis: with it kernels may count
// positions in a window in 32 bits, and their tables stay small.
constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;

Status bad(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }
std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// With the layout, which shapes alone do not tell.
std::string full_text(const ValueType& type) {
  return type.layout == Layout::nhwc ? to_string(type) + " in NHWC" : "dense " + to_string(type);
}

bool is_activation(const ValueType& type) {
  return type.layout == Layout::nhwc && type.shape.size() == kActivationRank &&
         (type.dtype == DType::f32 || type.dtype == DType::bf16);
}

bool fits(const OperandType& declared, const ValueType& type) {
  switch (declared.kind) {
    case OperandType::Kind::activation:
      return is_activation(type);
    case OperandType::Kind::nhwc:
      return type.layout == Layout::nhwc && type.shape.size() == kActivationRank &&
             type.dtype == declared.dtype;
    case OperandType::Kind::dense:
      return type.layout == Layout::dense && type.dtype == declared.dtype &&
             (declared.rank < 0 || type.shape.size() == static_cast<std::size_t>(declared.rank));
    case OperandType::Kind::real:
      return is_activation(type) ||
             (type.layout == Layout::dense && (type.dtype == DType::f32 || type.dtype == DType::bf16));
    case OperandType::Kind::same_as:  // compared with the other input
    case OperandType::Kind::any:
      return true;
  }
  return false;
}

// Checks the operands of one node, one after the other.
class OperandChecker {
 public:
  OperandChecker(const OpDef& def, std::span<const ValueType* const> inputs) : def_(def), inputs_(inputs) {}

  Status check(const OperandType& declared, const ValueType& type) {
    if (declared.kind == OperandType::Kind::same_as) return check_same(declared, type);
    if (!fits(declared, type)) return mismatch(to_string(declared), type);
    if (declared.kind != OperandType::Kind::activation) return {};
    if (!activation_) activation_ = type.dtype;
    if (type.dtype == *activation_) return {};
    return mismatch(std::string(to_string(*activation_)) + ", as the other activations are", type);
  }

 private:
  Status check_same(const OperandType& declared, const ValueType& type) const {
    const auto other = static_cast<std::size_t>(declared.input);
    if (inputs_[other] == nullptr || *inputs_[other] == type) return {};
    return mismatch(full_text(*inputs_[other]) + " like " + std::string(def_.inputs[other].name), type);
  }
  static Status mismatch(const std::string& expected, const ValueType& type) {
    return {ErrorCode::shape, "expected " + expected + ", got " + full_text(type)};
  }

  const OpDef& def_;
  std::span<const ValueType* const> inputs_;
  std::optional<DType> activation_;  // the type that all activations have
};

Status check_inputs(const OpDef& def, std::span<const ValueType* const> inputs, OperandChecker& checker) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    const InputSpec& spec = def.input(i);
    Status status = checker.check(spec.type, *inputs[i]);
    if (status.ok()) continue;
    const std::string number = spec.variadic ? " " + std::to_string(i + 1 - def.inputs.size()) : "";
    return std::move(status).with_context(std::string(spec.name) + number);
  }
  return {};
}

// What inference gave; a type that is not the declared one is the op's own mistake.
Status check_outputs(const OpDef& def, const std::vector<ValueType>& outputs, OperandChecker& checker) {
  if (outputs.size() != def.outputs.size()) {
    return {ErrorCode::internal, "inference gave " + std::to_string(outputs.size()) + " outputs instead of " +
                                     std::to_string(def.outputs.size())};
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto where = [&] { return "output " + std::string(def.outputs[i].name); };
    GRAPHRUN_TRY(in_context(check_type(outputs[i]), where));
    GRAPHRUN_TRY(in_context(checker.check(def.outputs[i].type, outputs[i]), where));
  }
  return {};
}

// An input that depends on a flag is there exactly where the flag is set.
Status check_flags(const OpDef& def, const Attributes& attrs, std::span<const ValueType* const> inputs) {
  for (std::size_t i = 0; i < def.inputs.size(); ++i) {
    const InputSpec& spec = def.inputs[i];
    if (spec.if_attribute.empty()) continue;
    const bool present = inputs[i] != nullptr;
    if (present == attrs.flag(spec.if_attribute)) continue;
    return bad("input " + quoted(spec.name) + " is " + (present ? "there" : "missing") + ", but attribute " +
               quoted(spec.if_attribute) + " is " + (present ? "false" : "true"));
  }
  return {};
}

Status check_counts(const OpDef& def, std::size_t inputs, std::size_t outputs) {
  const std::size_t least = def.inputs.size();
  const bool variadic = least > 0 && def.inputs.back().variadic;
  if (variadic ? inputs < least : inputs != least) {
    return bad("expected " + std::string(variadic ? "at least " : "") + std::to_string(least) +
               " inputs, got " + std::to_string(inputs));
  }
  if (outputs == def.outputs.size()) return {};
  return bad("expected " + std::to_string(def.outputs.size()) + " outputs, got " + std::to_string(outputs));
}

}  // namespace

Status ExtentBudget::charge(std::span<const ValueType> outputs) {
  for (const ValueType& type : outputs) {
    for (const Dim& extent : type.shape) {
      if (extent.identity() == nullptr || !counted_.emplace(extent.identity(), extent).second) continue;
      const std::size_t bytes = extent.bytes();
      if (bytes > left_) return {ErrorCode::shape, "the graph's extents are too long expressions together"};
      left_ -= bytes;
    }
  }
  return {};
}

Result<const OpDef*> find_op(const OpRegistry& registry, std::string_view name) {
  if (const OpDef* def = registry.find(name)) return def;
  std::vector<std::string_view> names;
  for (const OpDef* known : registry.all()) names.push_back(known->name);
  const std::string near = nearest_name(name, names);
  return bad("op " + quoted(name) + " is in no op library that was given" +
             (near.empty() ? "" : "; did you mean " + quoted(near) + "?"));
}

Result<const OpDef*> find_op(const OpRegistry& registry, OpRole role) {
  if (const OpDef* def = registry.find(role)) return def;
  return bad(
      "the op libraries that were given lack what the engine itself computes with; the built-in one has it");
}

Status check_presence(const OpDef& def, const Node& node) {
  GRAPHRUN_TRY(check_counts(def, node.inputs.size(), node.outputs.size()));
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const InputSpec& spec = def.input(i);
    if (node.inputs[i] != kNoValue || spec.optional || !spec.if_attribute.empty()) continue;
    return bad("input " + quoted(spec.name) + " is missing");
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue || def.outputs[i].optional) continue;
    return bad("output " + quoted(def.outputs[i].name) + " is missing, and is not optional");
  }
  // An op that has none to begin with writes its inputs.
  const bool is_idle =
      !def.outputs.empty() && std::ranges::count(node.outputs, kNoValue) == std::ssize(node.outputs);
  return is_idle ? bad("none of its outputs is wanted") : Status();
}

Status check_input_types(const OpDef& def, std::span<const ValueType* const> inputs) {
  OperandChecker checker(def, inputs);
  return check_inputs(def, inputs, checker);
}

Status check_type(const ValueType& type) {
  if (static_cast<int>(type.dtype) >= kDTypeCount) return {ErrorCode::shape, "an unknown element type"};
  if (type.shape.size() > static_cast<std::size_t>(kMaxRank)) {
    return {ErrorCode::shape, "rank " + std::to_string(type.shape.size()) + "; at most " +
                                  std::to_string(kMaxRank) + " is possible"};
  }
  if (type.layout == Layout::nhwc && type.shape.size() != kActivationRank) {
    return {ErrorCode::shape, "an activation of rank " + std::to_string(type.shape.size())};
  }
  // Labels are dense, and kernels have tables of their rows and columns as well; a flat list has no sides.
  const bool has_sides = type.layout == Layout::nhwc || type.shape.size() > 1;
  if (has_sides) {
    const std::size_t first = type.layout == Layout::nhwc ? 2 : 0;
    for (const Dim& side : std::span(type.shape).subspan(first)) {
      if (side.is_constant() && side.constant() > kMaxSide)
        return {ErrorCode::shape, "a side of more than " + std::to_string(kMaxSide) + ": " + to_string(type)};
    }
  }
  std::array<std::int64_t, kMaxRank> known{};
  std::size_t count = 0;
  for (const Dim& extent : type.shape) {
    if (!extent.valid()) return {ErrorCode::shape, "an extent overflows: " + to_string(type)};
    if (!extent.is_constant()) continue;
    if (extent.constant() < 1) return {ErrorCode::shape, "an extent is less than 1: " + to_string(type)};
    known[count++] = extent.constant();
  }
  return in_context(status_of(Shape::make(std::span(known).first(count))), [&] { return to_string(type); });
}

void add_absent_inputs(const OpDef& def, std::vector<ValueId>& inputs) {
  const bool variadic = !def.inputs.empty() && def.inputs.back().variadic;
  const std::size_t count = def.inputs.size() - (variadic ? 1 : 0);
  if (inputs.size() < count) inputs.resize(count, kNoValue);
}

Result<ResolvedNode> resolve(const Node& node, const OpRegistry& registry,
                             std::span<const ValueType* const> inputs, const SymbolLookup& symbols) {
  ResolvedNode resolved;
  GRAPHRUN_ASSIGN(resolved.def, find_op(registry, node.op));
  const OpDef& def = *resolved.def;
  if (def.infer == nullptr) return {ErrorCode::internal, "the op is not defined"};
  const bool match = std::ranges::equal(node.inputs, inputs, [](ValueId id, const ValueType* type) {
    return (id == kNoValue) == (type == nullptr);
  });
  if (!match) return {ErrorCode::internal, "types of other inputs than the node's"};
  GRAPHRUN_TRY(check_presence(def, node));
  GRAPHRUN_ASSIGN(resolved.attrs, Attributes::evaluate(def.attrs, node.attrs, symbols));
  GRAPHRUN_TRY(check_flags(def, resolved.attrs, inputs));
  OperandChecker checker(def, inputs);
  GRAPHRUN_TRY(check_inputs(def, inputs, checker));
  GRAPHRUN_TRY(def.infer(resolved.attrs, inputs, resolved.outputs));
  GRAPHRUN_TRY(check_outputs(def, resolved.outputs, checker));
  return resolved;
}

}  // namespace graphrun::model
