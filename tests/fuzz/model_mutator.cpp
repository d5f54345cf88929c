#include "tests/fuzz/model_mutator.h"

#include <array>
#include <random>
#include <variant>

namespace graphrun::fuzz {
namespace {

constexpr std::array<std::int64_t, 16> kBorders{
    -1, 0, 1, 2, 3, 7, 8, 9, 16, 255, 65535, 65536, (1 << 24) + 1, INT32_MAX, INT64_MAX, INT64_MIN};

class Mutation {
 public:
  Mutation(model::Model& model, const OpRegistry& ops, std::uint32_t seed)
      : model_(model), ops_(ops), random_(seed) {}

  void apply() {
    if (model_.methods.empty()) return;
    method_ = &model_.methods[below(model_.methods.size())];
    switch (below(9)) {
      case 0:
      case 1:
        return change_operand();
      case 2:
        return change_attribute();
      case 3:
        return drop_output();
      case 4:
        return change_type();
      case 5:
        return change_shape();
      case 6:
        return change_result();
      case 7:
        return add_node();
      default:
        return change_op();
    }
  }

 private:
  std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }
  std::int64_t border() { return kBorders[below(kBorders.size())]; }
  ValueId any_value() {
    constexpr std::size_t kAbsentOf = 8;
    return below(kAbsentOf) == 0 ? kNoValue : static_cast<ValueId>(below(method_->values.size()));
  }
  Node* any_node() {
    return method_->nodes.empty() ? nullptr : &method_->nodes[below(method_->nodes.size())];
  }

  void change_operand() {
    Node* const node = any_node();
    if (node != nullptr && !node->inputs.empty()) node->inputs[below(node->inputs.size())] = any_value();
  }
  void drop_output() {
    Node* const node = any_node();
    if (node != nullptr && !node->outputs.empty()) node->outputs[below(node->outputs.size())] = kNoValue;
  }
  void change_number(Expr& expr) {
    if (expr.tokens.empty()) return;
    Expr::Token& token = expr.tokens[below(expr.tokens.size())];
    if (token.op == ExprOp::integer) token.integer = below(2) == 0 ? border() : token.integer + 1;
    if (token.op == ExprOp::real) token.real = static_cast<double>(border());
  }
  void change_attribute() {
    Node* const node = any_node();
    if (node == nullptr) return;
    const OpDef* const def = ops_.find(node->op);
    if (def == nullptr || def->attrs.empty()) return;
    const AttrSpec& spec = def->attrs[below(def->attrs.size())];
    AttrValue& value = node->attrs[std::string(spec.name)];
    if (spec.kind == AttrKind::text) {
      value = spec.choices.empty() ? std::string("x") : std::string(spec.choices[below(spec.choices.size())]);
    } else if (auto* const list = std::get_if<std::vector<Expr>>(&value); list != nullptr && !list->empty()) {
      change_number((*list)[below(list->size())]);
    } else {
      value = Expr(border());
    }
  }
  void change_type() {
    const auto dtype = static_cast<DType>(below(kDTypeCount));
    const std::size_t which = below(model_.inputs.size() + model_.variables.size());
    if (which < model_.inputs.size()) {
      model_.inputs[which].dtype = dtype;
    } else if (which - model_.inputs.size() < model_.variables.size()) {
      model_.variables[which - model_.inputs.size()].dtype = dtype;
    }
  }
  void change_shape() {
    std::vector<Expr>* shape = nullptr;
    if (below(2) == 0 && !model_.inputs.empty()) {
      shape = &model_.inputs[below(model_.inputs.size())].shape;
    } else if (!model_.variables.empty()) {
      shape = &model_.variables[below(model_.variables.size())].shape;
    }
    if (shape == nullptr) return;
    if (shape->empty() || below(8) == 0) {
      shape->push_back(Expr(border()));
    } else if (below(8) == 0) {
      shape->pop_back();
    } else {
      (*shape)[below(shape->size())] = Expr(border());
    }
  }
  void change_result() {
    std::vector<model::NamedValue>& list = below(4) == 0 ? method_->stores : method_->outputs;
    if (!list.empty()) list[below(list.size())].value = any_value();
  }
  void change_op() {
    Node* const node = any_node();
    if (node == nullptr) return;
    const OpDef& def = *ops_.all()[below(ops_.all().size())];
    node->op = def.name;
    node->inputs.resize(def.inputs.size(), kNoValue);
    node->outputs.resize(def.outputs.size(), kNoValue);
    node->attrs.clear();
    for (const AttrSpec& spec : def.attrs) {
      if (!spec.fallback) node->attrs[std::string(spec.name)] = Expr(static_cast<std::int64_t>(below(9)));
    }
  }
  // At the end, so that all values are written before it; its first result may become an output.
  void add_node() {
    const OpDef& def = *ops_.all()[below(ops_.all().size())];
    Node node;
    node.path = "added" + std::to_string(method_->nodes.size());
    node.op = def.name;
    for (std::size_t i = 0; i < def.inputs.size(); ++i) node.inputs.push_back(any_value());
    for (const AttrSpec& spec : def.attrs) {
      if (!spec.fallback) node.attrs[std::string(spec.name)] = Expr(static_cast<std::int64_t>(below(9)));
    }
    const auto index = static_cast<std::int32_t>(method_->nodes.size());
    for (std::size_t i = 0; i < def.outputs.size(); ++i) {
      node.outputs.push_back(static_cast<ValueId>(method_->values.size()));
      method_->values.push_back({node.path + ":" + std::to_string(i), model::Origin::node, index});
    }
    if (!node.outputs.empty() && below(2) == 0) method_->outputs.push_back({node.path, node.outputs[0]});
    method_->nodes.push_back(std::move(node));
  }

  model::Model& model_;
  const OpRegistry& ops_;
  std::minstd_rand random_;
  model::Method* method_ = nullptr;
};

}  // namespace

void mutate(model::Model& model, const OpRegistry& ops, std::uint32_t seed) {
  Mutation(model, ops, seed).apply();
}

}  // namespace graphrun::fuzz
