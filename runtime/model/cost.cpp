#include "runtime/model/cost.h"

#include <deque>

#include "runtime/model/resolve.h"

namespace graphrun::model {
namespace {

constexpr int kMaxPartsDepth = 8;

using Types = std::vector<const ValueType*>;  // null where absent

Result<double> own_cost(const Node& node, const OpDef& def, const Types& inputs, const Types& outputs,
                        const SymbolLookup& symbols) {
  GRAPHRUN_ASSIGN(const Attributes attrs, Attributes::evaluate(def.attrs, node.attrs, symbols));
  return def.cost(attrs, inputs, outputs);
}

// Stands in for a graph while a composite writes its parts: infers their types and adds up what they cost.
class CostOfParts final : public GraphWriter {
 public:
  CostOfParts(const OpRegistry& registry, const SymbolLookup& symbols)
      : registry_(registry), symbols_(symbols) {}

  // Its inputs get numbers of their own here.
  Result<double> of(const Node& node, const OpDef& def, const Types& inputs) {
    Node composite{node.path, node.op, node.attrs, {}, node.outputs};
    for (const ValueType* type : inputs)
      composite.inputs.push_back(type == nullptr ? kNoValue : add_value(*type));
    def.decomposition(composite, *this);
    if (!failure_.ok()) return std::move(failure_).with_context(node.path);
    return sum_;
  }

  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override {
    Node node{std::string(suffix), std::string(op), std::move(attrs), std::move(inputs), {}};
    if (const OpDef* def = registry_.find(op); def != nullptr) {
      add_absent_inputs(*def, node.inputs);
      for (std::size_t i = 0; i < def->outputs.size(); ++i)
        node.outputs.push_back(add_value(ValueType::dense(DType::f32, {})));
      fail(infer(node));
    } else {
      fail({ErrorCode::internal, "parts use the unknown op " + node.op});
    }
    add_cost(node);
    return node.outputs;
  }
  const ValueType& type(ValueId value) const override {
    static const ValueType unknown;
    return value == kNoValue ? unknown : types_[static_cast<std::size_t>(value)];
  }
  ValueId input(std::string_view, const ValueType& type) override { return add_value(type); }

 private:
  void fail(Status status) {
    if (failure_.ok()) failure_ = std::move(status);
  }
  ValueId add_value(ValueType type) {
    types_.push_back(std::move(type));
    return static_cast<ValueId>(types_.size() - 1);
  }
  Types types_of(const std::vector<ValueId>& values) const {
    Types types;
    for (const ValueId id : values)
      types.push_back(id == kNoValue ? nullptr : &types_[static_cast<std::size_t>(id)]);
    return types;
  }

  Status infer(const Node& node) {
    GRAPHRUN_ASSIGN(ResolvedNode resolved, resolve(node, registry_, types_of(node.inputs), symbols_));
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      at(types_, node.outputs[i]) = std::move(resolved.outputs[i]);
    return {};
  }

  void add_cost(const Node& node) {
    const OpDef* def = registry_.find(node.op);
    if (!failure_.ok() || def == nullptr) return;
    if (def->cost != nullptr) {
      Result<double> cost = own_cost(node, *def, types_of(node.inputs), types_of(node.outputs), symbols_);
      if (!cost.ok()) return fail(std::move(cost).status());
      sum_ += *cost;
    } else if (def->decomposition != nullptr) {
      if (++depth_ > kMaxPartsDepth) return fail({ErrorCode::internal, "composites nested too deeply"});
      def->decomposition(node, *this);
      --depth_;
    }
  }

  const OpRegistry& registry_;
  const SymbolLookup& symbols_;
  std::deque<ValueType> types_;  // by value; references stay when values are added
  double sum_ = 0;
  int depth_ = 0;
  Status failure_;
};

}  // namespace

Result<double> cost_of(const Node& node, const OpRegistry& registry, std::span<const ValueType> types,
                       const SymbolLookup& symbols) {
  const OpDef* def = registry.find(node.op);
  if (def == nullptr || (def->cost == nullptr && def->decomposition == nullptr)) return 0.0;
  const auto types_of = [types](const std::vector<ValueId>& values) {
    Types found;
    for (const ValueId id : values)
      found.push_back(id == kNoValue ? nullptr : &types[static_cast<std::size_t>(id)]);
    return found;
  };
  if (def->cost != nullptr)
    return own_cost(node, *def, types_of(node.inputs), types_of(node.outputs), symbols)
        .with_context(node.path);
  return CostOfParts(registry, symbols).of(node, *def, types_of(node.inputs));
}

}  // namespace graphrun::model
