#include "runtime/model/validate.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "runtime/core/checked.h"
#include "runtime/core/component_name.h"
#include "runtime/model/infer.h"
#include "runtime/model/lazy_context.h"
#include "runtime/model/required_ops.h"
#include "runtime/model/validate_method.h"
#include "runtime/model/validate_signature.h"

namespace graphrun::model {
namespace {

constexpr std::size_t kMaxScales = 64;

Status bad(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

Status check_count(std::size_t count, std::size_t limit, std::string_view what) {
  if (count <= limit) return {};
  return bad(std::to_string(count) + " " + std::string(what) + "; at most " + std::to_string(limit));
}

Status check_parameter(const GraphParameter& parameter) {
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  const double value = parameter.value;
  if (!std::isfinite(value)) return bad("its value is not a finite number");
  if (std::isnan(parameter.min) || std::isnan(parameter.max)) return bad("its range is not a number");
  if (parameter.integer && (value != std::floor(value) || std::abs(value) > kExactIntegers)) {
    return bad("its value is not an integer");
  }
  if (!parameter.structural && !(value >= parameter.min && value <= parameter.max)) {
    return bad("its value " + to_string(Expr(value)) + " is outside its range " +
               to_string(Expr(parameter.min)) + " to " + to_string(Expr(parameter.max)));
  }
  if (!parameter.from.tokens.empty()) GRAPHRUN_TRY(parameter.from.validate().with_context("from"));
  return check_count(parameter.doc.size(), kMaxTextLength, "bytes of documentation");
}

Status check_input(const Input& input, const ExprChecker& exprs) {
  if (static_cast<int>(input.dtype) >= kDTypeCount) return bad("an unknown element type");
  for (const Expr& extent : input.shape) GRAPHRUN_TRY(exprs.check(extent));
  return {};
}

Status check_init(const Variable& variable, const SymbolLookup& parameters) {
  const Init& init = variable.init;
  GRAPHRUN_ASSIGN(const double a, evaluate_real(init.a, parameters));
  GRAPHRUN_ASSIGN(const double b, evaluate_real(init.b, parameters));
  GRAPHRUN_ASSIGN(const double fan_in, evaluate_real(init.fan_in, parameters));
  if (!std::isfinite(a) || !std::isfinite(b)) return bad("a bound that is not finite");
  switch (init.kind) {
    case InitKind::constant:
      return {};
    case InitKind::normal:
      return b >= 0 ? Status() : bad("a negative standard deviation");
    case InitKind::uniform:
      return a <= b ? Status() : bad("an empty range");
    case InitKind::kaiming_normal_fan_out:
      return variable.shape.size() == 4 ? Status() : bad("a fan out needs a variable of rank 4");
    case InitKind::uniform_fan_in:
      return fan_in >= 1 ? Status() : bad("the fan in is less than 1");
  }
  return bad("an unknown initialiser");
}

Status check_variable(const Variable& variable, const ExprChecker& constants,
                      const SymbolLookup& parameters) {
  if (static_cast<int>(variable.dtype) >= kDTypeCount) return bad("an unknown element type");
  GRAPHRUN_TRY(check_count(variable.shape.size(), kMaxRank, "extents"));
  for (const Expr& extent : variable.shape) GRAPHRUN_TRY(constants.check(extent).with_context("shape"));
  for (const Expr* expr : {&variable.init.a, &variable.init.b, &variable.init.fan_in}) {
    GRAPHRUN_TRY(constants.check(*expr).with_context("initialiser"));
  }
  GRAPHRUN_TRY(check_init(variable, parameters).with_context("initialiser"));
  if (variable.kind == VariableKind::parameter && !is_real(variable.dtype)) {
    return bad("a parameter of " + std::string(to_string(variable.dtype)));
  }
  return {};
}

// Gradients and state belong to a parameter and look like it.
Status check_owner(const Model& model, const Variable& variable, const std::vector<ValueType>& types,
                   std::size_t index) {
  switch (variable.kind) {
    case VariableKind::parameter:
    case VariableKind::buffer:
      return variable.of == -1 ? Status()
                               : bad("belongs to another variable, but is a parameter or a buffer");
    case VariableKind::gradient:
    case VariableKind::optimizer_state:
      break;
    default:
      return bad("an unknown kind of variable");
  }
  // A number of a whole update, such as its count of steps.
  const bool is_scalar = variable.kind == VariableKind::optimizer_state && variable.of == -1;
  if (is_scalar)
    return variable.shape.empty() ? Status() : bad("belongs to no parameter, and is no scalar either");
  const bool exists = variable.of >= 0 && static_cast<std::size_t>(variable.of) < model.variables.size();
  if (!exists || model.variables[static_cast<std::size_t>(variable.of)].kind != VariableKind::parameter) {
    return bad("belongs to variable " + std::to_string(variable.of) + ", which is no parameter");
  }
  const Variable& owner = model.variables[static_cast<std::size_t>(variable.of)];
  if (types[index].shape != types[static_cast<std::size_t>(variable.of)].shape) {
    return bad("its shape differs from that of its parameter " + owner.name);
  }
  return {};
}

Status check_variables(const Model& model, const ExprChecker& constants) {
  GRAPHRUN_TRY(check_count(model.variables.size(), kMaxVariables, "variables"));
  const SymbolLookup parameters = model.parameter_values();
  UniqueNames names;
  std::vector<ValueType> types;
  std::int64_t total = 0;
  for (const Variable& variable : model.variables) {
    const auto where = [&variable] { return "variable " + variable.name; };
    GRAPHRUN_TRY(in_context(names.insert(variable.name), where));
    GRAPHRUN_TRY(in_context(check_variable(variable, constants, parameters), where));
    GRAPHRUN_ASSIGN(ValueType type, in_context(variable_type(variable, parameters), where));
    // variable_type() has checked each product; kMaxTensorBytes elements of 8 bytes stay below 2^63.
    std::int64_t bytes = static_cast<std::int64_t>(size_of(variable.dtype));
    for (const Dim& extent : type.shape) bytes *= extent.constant();
    const auto sum = core::checked_add(total, bytes);
    if (bytes > kMaxTensorBytes || !sum || *sum > kMaxTensorBytes) {
      return bad("the variables need more than " + std::to_string(kMaxTensorBytes) + " bytes")
          .with_context(where());
    }
    total = *sum;
    types.push_back(std::move(type));
  }
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    const Variable& variable = model.variables[i];
    GRAPHRUN_TRY(in_context(check_owner(model, variable, types, i),
                            [&variable] { return "variable " + variable.name; }));
  }
  return {};
}

Status check_preprocess(const Preprocess& preprocess) {
  const auto positive = [](double x) { return std::isfinite(x) && x > 0; };
  const auto finite = [](double x) { return std::isfinite(x); };
  const std::size_t channels = preprocess.mean.size();
  if (preprocess.std.size() != channels || channels < 1 || channels > kMaxImageChannels) {
    return bad("mean and std must have one number for each of 1 to " + std::to_string(kMaxImageChannels) +
               " channels, have " + std::to_string(channels) + " and " +
               std::to_string(preprocess.std.size()));
  }
  if (!std::ranges::all_of(preprocess.mean, finite) || !std::ranges::all_of(preprocess.std, positive) ||
      !positive(preprocess.value_scale)) {
    return bad("std and value_scale must be positive numbers, mean must be a number");
  }
  if (static_cast<int>(preprocess.stored) >= kPixelTypeCount) return bad("an unknown type of pixels");
  return {};
}

Status check_json_members(const std::map<std::string, std::string>& members, const std::string& what) {
  GRAPHRUN_TRY(check_count(members.size(), kMaxParameters, what));
  for (const auto& [key, value] : members) {
    GRAPHRUN_TRY(check_name(key).with_context(what));
    GRAPHRUN_TRY(check_count(value.size(), kMaxTextLength, "bytes of " + key).with_context(what));
  }
  return {};
}

Status check_protocol(const LabellingProtocol& protocol) {
  constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;
  constexpr double kMaxScale = 100;
  GRAPHRUN_TRY(check_name(protocol.name));
  for (const std::int64_t side : {protocol.crop_h, protocol.crop_w, protocol.base_size}) {
    if (side < 0 || side > kMaxSide) return bad("a size of " + std::to_string(side) + " pixels");
  }
  GRAPHRUN_TRY(check_count(protocol.scales.size(), kMaxScales, "scales"));
  for (const double scale : protocol.scales) {
    if (!(scale > 0 && scale <= kMaxScale)) return bad("a scale of " + to_string(Expr(scale)));
  }
  return protocol.scales.empty() ? bad("no scales") : Status();
}

Status check_quantised(const Method& method) {
  constexpr int kMinBits = 2;
  constexpr int kMaxBits = 16;
  GRAPHRUN_TRY(check_count(method.quantised.size(), method.values.size(), "quantised values"));
  std::unordered_set<ValueId> seen;
  for (const QuantisedValue& item : method.quantised) {
    if (item.value < 0 || static_cast<std::size_t>(item.value) >= method.values.size())
      return bad("there is no value " + std::to_string(item.value));
    const std::string& name = method.values[static_cast<std::size_t>(item.value)].name;
    const auto wrong = [&](const char* what) { return bad("value \"" + name + "\": " + what); };
    if (!seen.insert(item.value).second) return wrong("appears twice");
    if (item.bits < kMinBits || item.bits > kMaxBits) return wrong("expected 2 to 16 bits");
    if (item.axis < -1 || item.axis >= kMaxRank) return wrong("an unknown axis");
    const auto positive = [](float scale) { return std::isfinite(scale) && scale > 0; };
    if (item.scales.empty() || !std::ranges::all_of(item.scales, positive))
      return wrong("scales must be positive numbers");
    if (item.axis == -1 && item.scales.size() != 1) return wrong("expected one scale");
    if (!item.zero_points.empty() && item.zero_points.size() != item.scales.size())
      return wrong("expected a zero point for each scale");
  }
  return {};
}

Status check_images(const Model& model) {
  GRAPHRUN_TRY(check_preprocess(model.preprocess).with_context("preprocess"));
  GRAPHRUN_TRY(check_count(model.class_names.size(), kMaxClassNames, "class names"));
  for (const std::string& name : model.class_names)
    GRAPHRUN_TRY(check_name(name).with_context("class names"));
  if (!model.palette.empty() && model.palette.size() != 3 * model.class_names.size()) {
    return bad("the palette has " + std::to_string(model.palette.size()) + " bytes for " +
               std::to_string(model.class_names.size()) + " classes; 3 a class are expected");
  }
  return {};
}

// A stored value has the type of its variable.
Status check_store_types(const Model& model, const Method& method, const std::vector<ValueType>& types) {
  const SymbolLookup parameters = model.parameter_values();
  std::unordered_map<std::string_view, const Variable*> variables;
  for (const Variable& variable : model.variables) variables[variable.name] = &variable;
  for (const NamedValue& store : method.stores) {
    GRAPHRUN_ASSIGN(const ValueType expected, variable_type(*variables.at(store.name), parameters));
    const ValueType& actual = at(types, store.value);
    if (actual == expected) continue;
    return {ErrorCode::shape, "store of \"" + store.name + "\": expected " + to_string(expected) + ", got " +
                                  to_string(actual)};
  }
  return {};
}

}  // namespace

Status validate_structure(const Model& model, const OpRegistry& registry) {
  if (!core::is_component_name(model.name)) {
    return bad(
        "the model's name must be letters, digits and . _ + -, beginning with a letter or digit, at "
        "most " +
        std::to_string(core::kMaxComponentName));
  }
  GRAPHRUN_TRY(check_count(model.doc.size(), kMaxTextLength, "bytes of documentation"));
  GRAPHRUN_TRY(check_count(model.parameters.size(), kMaxParameters, "graph parameters"));
  UniqueNames parameters;
  for (const GraphParameter& parameter : model.parameters) {
    const std::string where = "graph parameter " + parameter.name;
    GRAPHRUN_TRY(parameters.insert(parameter.name).with_context(where));
    GRAPHRUN_TRY(check_parameter(parameter).with_context(where));
  }
  GRAPHRUN_TRY(check_count(model.inputs.size(), kMaxInputs, "inputs"));
  for (const Input& input : model.inputs) {
    const std::string where = "input " + input.name;
    GRAPHRUN_TRY(check_count(input.shape.size(), kMaxRank, "extents").with_context(where));
    for (const Expr& extent : input.shape) GRAPHRUN_TRY(extent.validate().with_context(where));
  }
  const std::vector<std::string> dims = dim_names(model);
  const ExprChecker constants(model, {});
  const ExprChecker exprs(model, dims);
  UniqueNames inputs;
  for (const Input& input : model.inputs) {
    const std::string where = "input " + input.name;
    GRAPHRUN_TRY(inputs.insert(input.name).with_context(where));
    GRAPHRUN_TRY(check_input(input, exprs).with_context(where));
  }
  GRAPHRUN_TRY(check_count(model.requirements.size(), kMaxParameters, "requirements"));
  for (const Requirement& requirement : model.requirements) {
    GRAPHRUN_TRY(exprs.check(requirement.condition).with_context("requirement"));
    GRAPHRUN_TRY(check_count(requirement.because.size(), kMaxTextLength, "bytes of a requirement's reason"));
  }
  GRAPHRUN_TRY(check_variables(model, constants));
  GRAPHRUN_TRY(check_images(model));
  GRAPHRUN_TRY(check_json_members(model.settings, "settings"));
  GRAPHRUN_TRY(check_json_members(model.metadata, "metadata"));
  if (model.protocol) GRAPHRUN_TRY(check_protocol(*model.protocol).with_context("protocol"));
  GRAPHRUN_TRY(check_required_ops(model, registry));
  GRAPHRUN_TRY(check_count(model.methods.size(), kMaxMethods, "methods"));
  UniqueNames methods;
  for (const Method& method : model.methods) {
    const std::string where = "method " + method.name;
    GRAPHRUN_TRY(methods.insert(method.name).with_context(where));
    GRAPHRUN_TRY(validate_method(model, method, registry, constants, exprs).with_context(where));
    GRAPHRUN_TRY(check_quantised(method).with_context(where + ": quantised"));
  }
  return {};
}

Status validate_types(const Model& model, const OpRegistry& registry) {
  const SymbolLookup dims = symbolic_dims(model);
  std::vector<std::vector<ValueType>> types;  // by method
  for (const Method& method : model.methods) {
    const std::string where = "method " + method.name;
    GRAPHRUN_ASSIGN(types.emplace_back(), infer_types(model, method, registry, dims).with_context(where));
    GRAPHRUN_TRY(check_store_types(model, method, types.back()).with_context(where));
  }
  return validate_signature(model, types).with_context("signature");
}

Status validate(const Model& model, const OpRegistry& registry) {
  GRAPHRUN_TRY(validate_structure(model, registry));
  return validate_types(model, registry);
}

}  // namespace graphrun::model
