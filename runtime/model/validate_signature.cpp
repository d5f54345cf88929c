#include "runtime/model/validate_signature.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "runtime/model/infer.h"
#include "runtime/model/make_signature.h"
#include "runtime/model/validate.h"
#include "runtime/model/validate_method.h"

namespace graphrun::model {
namespace {

Status bad(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

class Checker {
 public:
  Checker(const Model& model, const std::vector<std::vector<ValueType>>& types)
      : model_(model), constants_(model, {}), parameters_(model.parameter_values()) {
    for (std::size_t m = 0; m < model.methods.size(); ++m) {
      auto& outputs = outputs_[model.methods[m].name];
      for (const NamedValue& output : model.methods[m].outputs)
        outputs.emplace(output.name, &types[m][static_cast<std::size_t>(output.value)]);
    }
  }

  Status input(const Port& port) {
    if (!port.method.empty()) return bad("an input of a method");
    const auto input = std::ranges::find(model_.inputs, port.name, &Input::name);
    if (input == model_.inputs.end()) return bad("the model has no such input");
    const SymbolLookup symbols = [this, dims = symbolic_dims(model_)](std::string_view name) {
      auto value = dims(name);
      return value ? value : parameters_(name);
    };
    GRAPHRUN_ASSIGN(const ValueType type, input_type(*input, symbols));
    return check(port, type, true);
  }

  Status output(const Port& port) {
    const auto method = outputs_.find(port.method);
    if (method == outputs_.end()) return bad("the model has no method \"" + port.method + "\"");
    const auto found = method->second.find(port.name);
    if (found == method->second.end()) return bad("the method " + port.method + " has no such output");
    return check(port, *found->second, false);
  }

 private:
  Status check(const Port& port, const ValueType& type, bool is_input) {
    for (const std::string* text : {&port.role, &port.head}) {
      if (!text->empty()) GRAPHRUN_TRY(check_name(*text));
    }
    if (!names_.emplace(is_input, port.method, port.name).second) return bad("appears twice");
    if (!port.role.empty() && !roles_.emplace(is_input, port.method, port.role, port.head).second)
      return bad("a second one with the role \"" + port.role + "\"");
    GRAPHRUN_TRY(check_type(port, type));
    GRAPHRUN_TRY(check_signature(port, type, is_input));
    GRAPHRUN_TRY(check_placement(port));
    if (port.properties.size() > kMaxParameters) return bad("too many properties");
    for (const auto& [key, value] : port.properties) {
      GRAPHRUN_TRY(check_name(key).with_context("property"));
      if (value.size() > kMaxTextLength) return bad("property " + key + ": too long");
    }
    return {};
  }

  Status check_type(const Port& port, const ValueType& type) const {
    const bool same = port.dtype == type.dtype && static_cast<std::size_t>(port.rank) == type.shape.size();
    if (!same) {
      return bad("expected " + std::string(to_string(port.dtype)) + " of rank " + std::to_string(port.rank) +
                 ", got " + to_string(type));
    }
    if (port.channels.tokens.empty()) return {};
    if (type.layout != Layout::nhwc) return bad("has channels, but is no map of features");
    GRAPHRUN_TRY(constants_.check(port.channels).with_context("channels"));
    GRAPHRUN_ASSIGN(const Dim channels, evaluate_dim(port.channels, parameters_).with_context("channels"));
    return require_equal(channels, type.shape[1], "channels");
  }

  // Roles that this program does not know are left alone.
  Status check_signature(const Port& port, const ValueType& type, bool is_input) const {
    if (!port.classes.tokens.empty()) {
      GRAPHRUN_TRY(constants_.check(port.classes).with_context("classes"));
      GRAPHRUN_ASSIGN(const Dim classes, evaluate_dim(port.classes, parameters_).with_context("classes"));
      if (!classes.is_constant() || classes.constant() < 1) return bad("no number of classes");
    }
    const RoleType* role = find_role(port.role);
    if (role == nullptr) return {};
    const std::string what = "the role \"" + port.role + "\" ";
    if (role->is_input != is_input) return bad(what + (is_input ? "is an output's" : "is an input's"));
    if (role->dtype != port.dtype || role->rank != port.rank) {
      return bad(what + "is that of " + std::string(to_string(role->dtype)) + " of rank " +
                 std::to_string(role->rank) + ", this is " + to_string(type));
    }
    if (port.role == roles::kImage) return check_image(type);
    if (role->class_axis < 0 || port.classes.tokens.empty()) return {};
    GRAPHRUN_ASSIGN(const Dim classes, evaluate_dim(port.classes, parameters_));
    return require_equal(classes, type.shape[static_cast<std::size_t>(role->class_axis)], "classes");
  }

  Status check_image(const ValueType& type) const {
    const Dim& channels = type.shape[1];
    if (!channels.is_constant() || channels.constant() > kMaxImageChannels) {
      return bad("an image has 1 to " + std::to_string(kMaxImageChannels) + " channels, this is " +
                 to_string(type));
    }
    const std::size_t numbers = model_.preprocess.mean.size();
    if (static_cast<std::int64_t>(numbers) == channels.constant()) return {};
    return bad("preprocess: expected one mean and std for each of " + std::to_string(channels.constant()) +
               " channels, got " + std::to_string(numbers));
  }

  static Status check_placement(const Port& port) {
    constexpr int kMaxStride = 1 << 16;
    if (port.stride < 1 || port.stride > kMaxStride) return bad("a stride of " + std::to_string(port.stride));
    const std::string& rule = port.interpolation;
    if (rule.empty() && port.stride != 1) return bad("a stride without a rule of interpolation");
    if (!rule.empty() && rule != "bilinear" && rule != "nearest")
      return bad("an unknown rule of interpolation");
    return {};
  }

  const Model& model_;
  ExprChecker constants_;
  SymbolLookup parameters_;
  std::unordered_map<std::string_view, std::unordered_map<std::string_view, const ValueType*>> outputs_;
  std::set<std::tuple<bool, std::string_view, std::string_view>> names_;
  std::set<std::tuple<bool, std::string_view, std::string_view, std::string_view>> roles_;
};

}  // namespace

Status validate_signature(const Model& model, const std::vector<std::vector<ValueType>>& types) {
  const Signature& signature = model.signature;
  if (signature.inputs.size() > kMaxInputs || signature.outputs.size() > kMaxPorts)
    return bad("too many inputs or outputs");
  Checker checker(model, types);
  for (const Port& port : signature.inputs)
    GRAPHRUN_TRY(checker.input(port).with_context("input \"" + port.name + "\""));
  for (const Port& port : signature.outputs)
    GRAPHRUN_TRY(checker.output(port).with_context("output \"" + port.name + "\" of " + port.method));
  return {};
}

}  // namespace graphrun::model
