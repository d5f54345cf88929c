#include "runtime/session/lower.h"

#include <algorithm>
#include <span>

#include "runtime/model/infer.h"

namespace graphrun {
namespace {

constexpr int kMaxPartsDepth = 8;

Result<TensorDesc> desc_of(const ValueType& type) {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : type.shape) {
    if (!dim.is_constant()) return {ErrorCode::shape, to_string(type) + " is not known in numbers"};
    extents.push_back(dim.constant());
  }
  GRAPHRUN_ASSIGN(const Shape shape, Shape::make(extents));
  const TensorDesc desc = type.layout == Layout::nhwc ? TensorDesc::nhwc(type.dtype, shape)
                                                      : TensorDesc::dense(type.dtype, shape);
  if (desc.bytes() > kMaxTensorBytes)
    return {ErrorCode::shape,
            to_string(type) + " needs more than " + std::to_string(kMaxTensorBytes) + " bytes"};
  return desc;
}

class Lowering final : public GraphWriter {
 public:
  Lowering(const Program& program, const Method& method, const Backend& backend, const LowerOptions& options)
      : program_(program), method_(method), backend_(backend), options_(options) {
    const SymbolLookup parameters = program.model().parameter_values();
    symbols_ = [parameters, dims = options.dims](std::string_view name) {
      auto found = parameters(name);
      return found ? found : dims(name);
    };
  }

  Result<LoweredMethod> run() {
    GRAPHRUN_ASSIGN(types_, infer_types(program_.model(), method_, program_.registry(), options_.dims));
    result_.values = method_.values;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      const Value& value = method_.values[i];
      const bool of_node = value.origin == Origin::node;
      GRAPHRUN_ASSIGN(const TensorDesc desc,
                      desc_of(types_[i]).in(
                          of_node ? graphrun::describe(method_.nodes[static_cast<std::size_t>(value.index)])
                                  : value.name));
      result_.descs.push_back(desc);
    }
    result_.outputs = method_.outputs;
    const Node* const left_out = leave_out_resize();
    for (const Node& node : method_.nodes) {
      if (&node != left_out) GRAPHRUN_TRY(lower_node(node));
    }
    return std::move(result_);
  }

  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override {
    Node node{scope_ + "." + std::string(suffix), std::string(op), std::move(attrs), std::move(inputs), {}};
    const OpDef* def = program_.registry().find(op);
    if (def == nullptr) {
      fail({ErrorCode::internal, node.path + ": parts use the unknown op " + node.op});
      return {};
    }
    std::vector<ValueType> types(def->outputs.size());
    if (failure_.ok()) fail(infer(node, *def, types).in(node.path));
    for (ValueType& type : types) {
      node.outputs.push_back(static_cast<ValueId>(result_.values.size()));
      result_.values.push_back({node.path, Origin::node, 0});
      auto desc = desc_of(type);
      if (!desc.ok()) fail(std::move(desc).status().in(node.path));
      result_.descs.push_back(desc.ok() ? *desc : TensorDesc());
      types_.push_back(std::move(type));
    }
    std::vector<ValueId> outputs = node.outputs;
    parts_.push_back(std::move(node));
    return outputs;
  }
  const ValueType& type(ValueId value) const override { return types_[static_cast<std::size_t>(value)]; }
  ValueId input(std::string_view name, const ValueType&) override {
    for (std::size_t i = 0; i < method_.values.size(); ++i) {
      if (method_.values[i].origin == Origin::input && method_.values[i].name == name)
        return static_cast<ValueId>(i);
    }
    return kNoValue;
  }

 private:
  void fail(Status status) {
    if (failure_.ok()) failure_ = std::move(status);
  }

  Status infer(const Node& node, const OpDef& def, std::vector<ValueType>& types) {
    GRAPHRUN_ASSIGN(const Attributes attrs, Attributes::evaluate(def.attrs, node.attrs, symbols_));
    std::vector<const ValueType*> inputs;
    for (const ValueId id : node.inputs)
      inputs.push_back(id == kNoValue ? nullptr : &types_[static_cast<std::size_t>(id)]);
    return def.infer(attrs, inputs, types);
  }

  // The node that LowerOptions::before_resize makes superfluous; its output is redirected.
  const Node* leave_out_resize() {
    const auto output = std::ranges::find(result_.outputs, options_.before_resize, &NamedValue::name);
    if (output == result_.outputs.end()) return nullptr;
    const Value& value = method_.values[static_cast<std::size_t>(output->value)];
    if (value.origin != Origin::node) return nullptr;
    const Node& node = method_.nodes[static_cast<std::size_t>(value.index)];
    const bool read = std::ranges::any_of(method_.nodes, [&](const Node& reader) {
      return std::ranges::find(reader.inputs, output->value) != reader.inputs.end();
    });
    const bool once = std::ranges::count(result_.outputs, output->value, &NamedValue::value) == 1;
    if (node.op != "resize" || read || !once) return nullptr;
    output->value = node.inputs[0];
    return &node;
  }

  TensorDesc desc(ValueId id) const {
    return id == kNoValue ? TensorDesc() : result_.descs[static_cast<std::size_t>(id)];
  }

  std::string describe(const Node& node) const {
    std::string text = node.path + " (" + node.op + " of";
    for (const ValueId id : node.inputs) text += id == kNoValue ? " -" : " " + to_string(desc(id).shape);
    return text + ")";
  }

  Status lower_node(const Node& node) {
    const OpDef& def = *program_.registry().find(node.op);
    GRAPHRUN_ASSIGN(const Attributes attrs,
                    Attributes::evaluate(def.attrs, node.attrs, symbols_).in(node.path));
    std::vector<TensorDesc> inputs;
    std::vector<TensorDesc> outputs;
    KernelRequest request{def, attrs, {}, {}, {}, {}, {}, backend_.threads()};
    for (const ValueId id : node.inputs) {
      inputs.push_back(desc(id));
      request.input_present.push_back(id != kNoValue);
      request.input_constant.push_back(options_.constant_weights && id != kNoValue &&
                                       result_.values[static_cast<std::size_t>(id)].origin ==
                                           Origin::variable);
    }
    for (const ValueId id : node.outputs) {
      outputs.push_back(desc(id));
      request.output_present.push_back(id != kNoValue);
    }
    request.inputs = inputs;
    request.outputs = outputs;
    if (std::shared_ptr<Kernel> kernel = kernel_of_equal(node, request)) {
      result_.nodes.push_back({node.path, &def, std::move(kernel), node.inputs, node.outputs});
      return {};
    }
    std::string reasons;
    if (options_.fuse || def.parts == nullptr) {
      auto kernel = choose_kernel(backend_, request);
      if (kernel.ok()) {
        made_.push_back({node.attrs, std::move(inputs), std::move(outputs), request.input_constant,
                         result_.nodes.size()});
        result_.nodes.push_back({node.path, &def, *std::move(kernel), node.inputs, node.outputs});
        return {};
      }
      if (kernel.status().code() != ErrorCode::declined) return std::move(kernel).status().in(describe(node));
      reasons = kernel.status().message();
    }
    if (def.parts != nullptr) return lower_parts(node, def);
    return {ErrorCode::unsupported, describe(node) + ": " + reasons};
  }

  // Making a kernel can cost a millisecond, and networks repeat their blocks. Presence shows in the rank of
  // the descriptions.
  std::shared_ptr<Kernel> kernel_of_equal(const Node& node, const KernelRequest& request) const {
    const auto found = std::ranges::find_if(made_, [&](const Made& made) {
      return result_.nodes[made.node].def == &request.def &&
             std::ranges::equal(made.inputs, request.inputs) &&
             std::ranges::equal(made.outputs, request.outputs) &&
             made.input_constant == request.input_constant && made.attrs == node.attrs;
    });
    return found == made_.end() ? nullptr : result_.nodes[found->node].kernel;
  }

  Status lower_parts(const Node& node, const OpDef& def) {
    if (depth_ >= kMaxPartsDepth) return {ErrorCode::internal, node.path + ": composites nested too deeply"};
    std::vector<Node> outer_parts = std::exchange(parts_, {});
    std::string outer_scope = std::exchange(scope_, node.path);
    const std::vector<ValueId> replacements = def.parts(node, *this);
    std::vector<Node> parts = std::exchange(parts_, std::move(outer_parts));
    scope_ = std::move(outer_scope);
    GRAPHRUN_TRY(failure_);
    if (replacements.size() != node.outputs.size())
      return {ErrorCode::internal, node.path + ": parts of another arity"};
    // The composite's values are computed by the parts under their own names.
    for (Node& part : parts) {
      for (ValueId& id : part.outputs) id = original(id, replacements, node.outputs);
      for (ValueId& id : part.inputs) id = original(id, replacements, node.outputs);
    }
    ++depth_;
    for (const Node& part : parts) GRAPHRUN_TRY(lower_node(part));
    --depth_;
    return {};
  }

  static ValueId original(ValueId id, const std::vector<ValueId>& replacements,
                          const std::vector<ValueId>& outputs) {
    const auto found = std::ranges::find(replacements, id);
    if (id == kNoValue || found == replacements.end()) return id;
    const ValueId output = outputs[static_cast<std::size_t>(found - replacements.begin())];
    return output == kNoValue ? id : output;
  }

  // What a kernel was made for.
  struct Made {
    AttrMap attrs;
    std::vector<TensorDesc> inputs;
    std::vector<TensorDesc> outputs;
    std::vector<bool> input_constant;
    std::size_t node;  // of result_
  };

  const Program& program_;
  const Method& method_;
  const Backend& backend_;
  const LowerOptions& options_;
  SymbolLookup symbols_;
  std::vector<ValueType> types_;
  LoweredMethod result_;
  std::vector<Made> made_;
  std::vector<Node> parts_;
  std::string scope_;
  Status failure_;
  int depth_ = 0;
};

}  // namespace

Result<std::unique_ptr<Kernel>> choose_kernel(const Backend& backend, const KernelRequest& request) {
  std::string reasons;
  for (const KernelEntry& candidate : backend.candidates(request.def.name)) {
    auto kernel = candidate.prepare(request);
    if (kernel.ok() || kernel.status().code() != ErrorCode::declined) return kernel;
    reasons += "\n  " + std::string(candidate.name) + ": " + kernel.status().message();
  }
  return {ErrorCode::declined, "no kernel of " + std::string(backend.device()) + " takes it" +
                                   (reasons.empty() ? "; there is none for this op" : reasons)};
}

Result<LoweredMethod> lower(const Program& program, const Method& method, const Backend& backend,
                            const LowerOptions& options) {
  return Lowering(program, method, backend, options).run();
}

}  // namespace graphrun
