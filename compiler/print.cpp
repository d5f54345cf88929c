#include "compiler/compile.h"
#include "compiler/ir/graph.h"
#include "runtime/core/guard.h"
#include "runtime/model/infer.h"

namespace graphrun::compiler {
namespace {

std::string text(const ValueType& type) {
  std::string shape;
  for (const Dim& extent : type.shape) shape += (shape.empty() ? "" : ", ") + to_string(to_expr(extent));
  return std::string(to_string(type.dtype)) + " (" + shape + ")";
}

std::string text(const AttrValue& value) {
  if (const Expr* expr = std::get_if<Expr>(&value)) return to_string(*expr);
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  std::string list;
  for (const Expr& item : std::get<std::vector<Expr>>(value))
    list += (list.empty() ? "" : ", ") + to_string(item);
  return "[" + list + "]";
}

class Printer {
 public:
  Printer(const model::Method& method, const std::vector<ValueType>& types)
      : method_(method), types_(types) {}

  std::string run() const {
    std::string all = "method " + method_.name + "\n";
    for (const Node& node : method_.nodes) all += "  " + line(node) + "\n";
    for (const model::NamedValue& output : method_.outputs)
      all += "  output " + output.name + " = " + name(output.value) + ": " + type(output.value) + "\n";
    for (const model::NamedValue& store : method_.stores)
      all += "  store " + store.name + " = " + name(store.value) + "\n";
    return all;
  }

 private:
  std::string name(ValueId value) const {
    return value == kNoValue ? "-" : method_.values[static_cast<std::size_t>(value)].name;
  }
  std::string type(ValueId value) const {
    return value == kNoValue ? "-" : text(types_[static_cast<std::size_t>(value)]);
  }
  std::string line(const Node& node) const {
    std::string all = node.path + ": " + node.op + "(";
    for (std::size_t i = 0; i < node.inputs.size(); ++i) all += (i > 0 ? ", " : "") + name(node.inputs[i]);
    all += ")";
    for (const auto& [key, value] : node.attrs) all += " " + key + "=" + text(value);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      all += (i > 0 ? ", " : " -> ") + type(node.outputs[i]);
    return all;
  }

  const model::Method& method_;
  const std::vector<ValueType>& types_;
};

std::string_view kind_name(VariableKind kind) {
  switch (kind) {
    case VariableKind::parameter:
      return "parameter";
    case VariableKind::buffer:
      return "buffer";
    case VariableKind::gradient:
      return "gradient";
    case VariableKind::optimizer_state:
      return "state";
  }
  return "?";
}

}  // namespace

Result<std::string> print(const model::Model& model, const OpRegistry& ops) try {
  std::string all = "model " + model.name + "\n";
  for (const model::Variable& variable : model.variables) {
    GRAPHRUN_ASSIGN(const ValueType type, model::variable_type(variable, symbols_of(model)));
    all += "  " + std::string(kind_name(variable.kind)) + " " + variable.name + ": " + text(type) + "\n";
  }
  for (const model::Method& method : model.methods) {
    GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                    model::infer_types(model, method, ops, symbols_of(model)));
    all += Printer(method, types).run();
  }
  return all;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::compiler
