#include "exchange/to_onnx/basic_graph.h"

#include <algorithm>

#include "runtime/model/infer.h"
#include "runtime/model/parts.h"

namespace graphrun::exchange::to_onnx {
namespace {

constexpr int kMaxPartsDepth = 8;

class Expansion final : public GraphWriter {
 public:
  Expansion(const model::Program& program, const model::Method& method, const SymbolLookup& dims,
            const std::function<bool(std::string_view)>& is_basic)
      : program_(program), method_(method), is_basic_(is_basic) {
    symbols_ = [parameters = program.model().parameter_values(), dims](std::string_view name) {
      auto found = parameters(name);
      return found ? found : dims(name);
    };
  }

  Result<BasicGraph> run(const SymbolLookup& dims) {
    GRAPHRUN_ASSIGN(model::ResolvedMethod resolved,
                    model::resolve_method(program_.model(), method_, program_.registry(), dims));
    graph_.values = method_.values;
    graph_.types = std::move(resolved.types);
    graph_.outputs = method_.outputs;
    for (std::size_t i = 0; i < method_.nodes.size(); ++i)
      GRAPHRUN_TRY(add_basic({method_.nodes[i], std::move(resolved.nodes[i])}, 0));
    return std::move(graph_);
  }

  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override {
    Node node{scope_ + "." + std::string(suffix), std::string(op), std::move(attrs), std::move(inputs), {}};
    if (failure_.ok()) {
      const std::string where = model::describe(node);
      Result<std::vector<ValueId>> outputs = add_part(std::move(node));
      if (outputs.ok()) return *std::move(outputs);
      failure_ = std::move(outputs).status().with_context(where);
    }
    // Whoever writes the parts goes on until it looks; its values must exist.
    const OpDef* def = program_.registry().find(op);
    std::vector<ValueId> nothing;
    for (std::size_t i = 0; i < (def == nullptr ? 1 : def->outputs.size()); ++i)
      nothing.push_back(add_value({}, {}));
    return nothing;
  }
  const ValueType& type(ValueId value) const override { return at(graph_.types, value); }
  ValueId input(std::string_view name, const ValueType&) override {
    const auto found = std::ranges::find_if(method_.values, [name](const model::Value& value) {
      return value.origin == model::Origin::input && value.name == name;
    });
    return found == method_.values.end() ? kNoValue : static_cast<ValueId>(found - method_.values.begin());
  }

 private:
  ValueId add_value(std::string name, ValueType type) {
    graph_.values.push_back({std::move(name), model::Origin::node, 0});
    graph_.types.push_back(std::move(type));
    return static_cast<ValueId>(graph_.types.size() - 1);
  }

  Result<std::vector<ValueId>> add_part(Node node) {
    GRAPHRUN_ASSIGN(const OpDef* def, model::find_op(program_.registry(), node.op));
    model::add_absent_inputs(*def, node.inputs);
    for (std::size_t i = 0; i < def->outputs.size(); ++i)
      node.outputs.push_back(static_cast<ValueId>(graph_.types.size() + i));
    std::vector<const ValueType*> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? nullptr : &at(graph_.types, id));
    GRAPHRUN_ASSIGN(model::ResolvedNode resolved,
                    model::resolve(node, program_.registry(), inputs, symbols_));
    for (ValueType& type : resolved.outputs) add_value(node.path, std::move(type));
    parts_.push_back({std::move(node), std::move(resolved)});
    return parts_.back().node.outputs;
  }

  Status add_basic(BasicNode node, int depth) {
    const OpDef& def = *node.resolved.def;
    if (is_basic_(def.name) || def.decomposition == nullptr) {
      graph_.nodes.push_back(std::move(node));
      return {};
    }
    if (depth >= kMaxPartsDepth)
      return {ErrorCode::internal, node.node.path + ": composites nested too deeply"};
    parts_.clear();
    scope_ = node.node.path;
    const std::vector<ValueId> replacements = def.decomposition(node.node, *this);
    std::vector<BasicNode> parts = std::exchange(parts_, {});
    GRAPHRUN_TRY(failure_);
    if (replacements.size() != node.node.outputs.size())
      return {ErrorCode::internal, node.node.path + ": parts of another arity"};
    for (BasicNode& part : parts) {
      model::take_names(part.node, replacements, node.node.outputs);
      GRAPHRUN_TRY(add_basic(std::move(part), depth + 1));
    }
    return {};
  }

  const model::Program& program_;
  const model::Method& method_;
  const std::function<bool(std::string_view)>& is_basic_;
  SymbolLookup symbols_;
  BasicGraph graph_;
  std::string scope_;  // of the composite whose parts are written
  std::vector<BasicNode> parts_;
  Status failure_;
};

}  // namespace

Result<BasicGraph> make_basic(const model::Program& program, const model::Method& method,
                              const SymbolLookup& dims,
                              const std::function<bool(std::string_view op)>& is_basic) {
  return Expansion(program, method, dims, is_basic).run(dims);
}

}  // namespace graphrun::exchange::to_onnx
