#include "runtime/model/make_signature.h"

#include <algorithm>
#include <array>
#include <span>

#include "runtime/model/infer.h"

namespace graphrun::model {
namespace {

constexpr int kChannelAxis = 1;

constexpr std::array kRoleTypes{
    RoleType{roles::kImage, true, DType::f32, 4, -1},
    RoleType{roles::kLabel, true, DType::i32, 3, -1},
    RoleType{roles::kClassWeights, true, DType::f32, 1, 0},
    RoleType{roles::kRandomState, true, DType::i64, 1, -1},
    RoleType{roles::kLearningRate, true, DType::f32, 0, -1},
    RoleType{roles::kLogits, false, DType::f32, 4, kChannelAxis},
    RoleType{roles::kLoss, false, DType::f32, 0, -1},
    RoleType{roles::kMainLoss, false, DType::f32, 0, -1},
    RoleType{roles::kAuxLoss, false, DType::f32, 0, -1},
    RoleType{roles::kMainTotals, false, DType::f64, 1, -1},
    RoleType{roles::kAuxTotals, false, DType::f64, 1, -1},
    RoleType{roles::kConfusion, false, DType::i64, 2, 0},
};

struct Convention {
  std::string_view name;
  std::string_view role;
};
constexpr std::array kInputs{Convention{"image", roles::kImage}, Convention{"label", roles::kLabel},
                             Convention{"class_weights", roles::kClassWeights},
                             Convention{"rng", roles::kRandomState}, Convention{"lr", roles::kLearningRate}};
constexpr std::array kOutputs{Convention{"logits", roles::kLogits},
                              Convention{port_names::kLoss, roles::kLoss},
                              Convention{port_names::kConfusion, roles::kConfusion}};
// An output of a loss is called <head><suffix>.
struct HeadConvention {
  std::string_view suffix;
  std::string_view main_role;
  std::string_view aux_role;
};
constexpr std::array kHeads{HeadConvention{port_names::kLossSuffix, roles::kMainLoss, roles::kAuxLoss},
                            HeadConvention{port_names::kTotalsSuffix, roles::kMainTotals, roles::kAuxTotals}};
constexpr std::string_view kMainHead = "main";

std::string_view role_in(std::span<const Convention> conventions, std::string_view name) {
  const auto found = std::ranges::find(conventions, name, &Convention::name);
  return found == conventions.end() ? std::string_view() : found->role;
}

void name_output(Port& port) {
  port.role = role_in(kOutputs, port.name);
  for (const HeadConvention& head : kHeads) {
    if (port.name.size() <= head.suffix.size() || !port.name.ends_with(head.suffix)) continue;
    port.head = port.name.substr(0, port.name.size() - head.suffix.size());
    port.role = port.head == kMainHead ? head.main_role : head.aux_role;
  }
}

// Extents as expressions of graph parameters: late integers stay symbols, so that the signature holds
// whatever they are bound to. Empty where the extent depends on the image's size.
Expr of_parameters(const Model& model, const Dim& extent) {
  Expr expr = to_expr(extent);
  const bool bound = std::ranges::all_of(expr.symbols, [&](const std::string& symbol) {
    return std::ranges::find(model.parameters, symbol, &GraphParameter::name) != model.parameters.end();
  });
  return bound && extent.valid() ? expr : Expr();
}

// N, H, W and late integers as themselves, other parameters by their values.
SymbolLookup symbols_that_may_change(const Model& model) {
  return [&model, dims = symbolic_dims(model), values = model.parameter_values()](std::string_view name) {
    const auto found = std::ranges::find(model.parameters, name, &GraphParameter::name);
    if (found == model.parameters.end()) return dims(name);
    const bool late = !found->structural && found->integer;
    return late ? std::optional(Number(Dim::symbol(name))) : values(name);
  };
}

bool fits(const Port& port, const RoleType& role, const Model& model) {
  if (port.dtype != role.dtype || port.rank != role.rank) return false;
  if (role.role != roles::kImage) return true;
  const Result<Dim> channels = evaluate_dim(port.channels, model.parameter_values());
  return channels.ok() && channels->is_constant() && channels->constant() >= 1 &&
         channels->constant() <= kMaxImageChannels;
}

void complete(Port& port, const ValueType& type, const Model& model, const std::string* given) {
  port.dtype = type.dtype;
  port.rank = static_cast<int>(type.shape.size());
  if (type.layout == Layout::nhwc) port.channels = of_parameters(model, type.shape[kChannelAxis]);
  const RoleType* role = find_role(port.role);
  if (given == nullptr && role != nullptr && !fits(port, *role, model)) {
    port.role.clear();
    port.head.clear();
    return;
  }
  if (given != nullptr) {
    port.role = *given;
    role = find_role(port.role);
  }
  if (role != nullptr && role->class_axis >= 0 && role->class_axis < port.rank)
    port.classes = of_parameters(model, type.shape[static_cast<std::size_t>(role->class_axis)]);
}

const std::string* find(const std::map<std::string, std::string>& given, const std::string& name) {
  const auto found = given.find(name);
  return found == given.end() ? nullptr : &found->second;
}

}  // namespace

const RoleType* find_role(std::string_view role) {
  const auto* const found = std::ranges::find(kRoleTypes, role, &RoleType::role);
  return found == kRoleTypes.end() ? nullptr : found;
}

Signature make_signature(const Model& model, const OpRegistry& registry, const GivenRoles& given) {
  Signature signature;
  const SymbolLookup symbols = symbols_that_may_change(model);
  for (const Input& input : model.inputs) {
    Port port{input.name, {}, std::string(role_in(kInputs, input.name)), {}};
    const Result<ValueType> type = input_type(input, symbols);
    if (type.ok()) complete(port, *type, model, find(given.inputs, input.name));
    signature.inputs.push_back(std::move(port));
  }
  for (const Method& method : model.methods) {
    if (method.outputs.empty()) continue;
    const auto types = infer_types(model, method, registry, symbols);
    if (!types.ok()) continue;  // such a method is no part of a valid model
    for (const NamedValue& output : method.outputs) {
      Port port{output.name, method.name, {}, {}};
      name_output(port);
      const bool evaluates = method.name == methods::kEval;
      complete(port, (*types)[static_cast<std::size_t>(output.value)], model,
               evaluates ? find(given.outputs, output.name) : nullptr);
      signature.outputs.push_back(std::move(port));
    }
  }
  return signature;
}

}  // namespace graphrun::model
