#include "runtime/session/lower.h"

#include <algorithm>
#include <functional>
#include <span>
#include <unordered_map>

#include "runtime/model/cost.h"
#include "runtime/model/infer.h"
#include "runtime/model/interpolation.h"
#include "runtime/model/parts.h"
#include "runtime/session/byte_storage.h"

namespace graphrun::session {
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
  Lowering(const model::Program& program, const model::Method& method, const model::Backend& backend,
           const LowerOptions& options)
      : program_(program),
        method_(method),
        backend_(backend),
        options_(options),
        tables_{options.max_table_bytes, 0},
        bytes_(program, method, backend, options.quantised) {
    const SymbolLookup parameters = program.model().parameter_values();
    symbols_ = [parameters, dims = options.dims](std::string_view name) {
      auto found = parameters(name);
      return found ? found : dims(name);
    };
  }

  Result<LoweredMethod> run() {
    GRAPHRUN_ASSIGN(model::ResolvedMethod resolved,
                    model::resolve_method(program_.model(), method_, program_.registry(), options_.dims));
    types_ = std::move(resolved.types);
    result_.values = method_.values;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      const model::Value& value = method_.values[i];
      const bool of_node = value.origin == model::Origin::node;
      if (value.origin == model::Origin::input) inputs_.push_back(static_cast<ValueId>(i));
      const auto node = static_cast<std::size_t>(of_node ? value.index : 0);
      GRAPHRUN_ASSIGN(const TensorDesc desc,
                      desc_of(types_[i]).with_context(of_node ? graphrun::model::describe(method_.nodes[node])
                                                              : value.name));
      result_.descs.push_back(of_node ? stored(desc, *resolved.nodes[node].def) : desc);
    }
    bytes_.add_values(result_.values);
    result_.outputs = method_.outputs;
    const Node* const left_out = leave_out_interpolation(resolved);
    bytes_.add_outputs(result_.outputs);
    for (const model::NamedValue& output : result_.outputs) {
      at(result_.descs, output.value).dtype = at(types_, output.value).dtype;
    }
    for (std::size_t i = 0; i < method_.nodes.size(); ++i) {
      const Node& node = method_.nodes[i];
      if (&node != left_out) GRAPHRUN_TRY(lower_node(node, resolved.nodes[i]));
    }
    result_.table_bytes = tables_.taken;
    return std::move(result_);
  }

  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override {
    Node node{scope_ + "." + std::string(suffix), std::string(op), std::move(attrs), std::move(inputs), {}};
    if (failure_.ok()) {
      const std::string where = graphrun::model::describe(node);
      Result<std::vector<ValueId>> outputs = add_part(std::move(node));
      if (outputs.ok()) return *std::move(outputs);
      failure_ = std::move(outputs).status().with_context(where);
    }
    // Whoever writes the parts goes on until it looks; its values must exist.
    const OpDef* def = program_.registry().find(op);
    std::vector<ValueId> nothing;
    for (std::size_t i = 0; i < (def == nullptr ? 1 : def->outputs.size()); ++i)
      nothing.push_back(add_value({}, {}, {}));
    return nothing;
  }
  const ValueType& type(ValueId value) const override { return at(types_, value); }
  ValueId input(std::string_view name, const ValueType&) override {
    const auto found = std::ranges::find(
        inputs_, name, [this](ValueId id) -> std::string_view { return at(method_.values, id).name; });
    return found == inputs_.end() ? kNoValue : *found;
  }

 private:
  // A node with what it means.
  struct Part {
    Node node;
    model::ResolvedNode resolved;
  };

  ValueId add_value(std::string name, ValueType type, const TensorDesc& desc) {
    result_.values.push_back({std::move(name), model::Origin::node, 0});
    result_.descs.push_back(desc);
    types_.push_back(std::move(type));
    return static_cast<ValueId>(types_.size() - 1);
  }

  Result<std::vector<ValueId>> add_part(Node node) {
    GRAPHRUN_ASSIGN(const OpDef* def, model::find_op(program_.registry(), node.op));
    model::add_absent_inputs(*def, node.inputs);
    for (std::size_t i = 0; i < def->outputs.size(); ++i)
      node.outputs.push_back(static_cast<ValueId>(types_.size() + i));
    std::vector<const ValueType*> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? nullptr : &at(types_, id));
    GRAPHRUN_ASSIGN(model::ResolvedNode resolved,
                    model::resolve(node, program_.registry(), inputs, symbols_));
    std::vector<TensorDesc> descs;
    for (const ValueType& type : resolved.outputs) {
      GRAPHRUN_ASSIGN(const TensorDesc desc, desc_of(type));
      descs.push_back(stored(desc, *def));
    }
    for (std::size_t i = 0; i < descs.size(); ++i)
      add_value(node.path, std::move(resolved.outputs[i]), descs[i]);
    parts_.push_back({std::move(node), std::move(resolved)});
    return parts_.back().node.outputs;
  }

  // The node that LowerOptions::low_res_logits makes superfluous; its output is redirected.
  const Node* leave_out_interpolation(const model::ResolvedMethod& resolved) {
    const auto output = std::ranges::find(result_.outputs, options_.low_res_logits, &model::NamedValue::name);
    if (output == result_.outputs.end()) return nullptr;
    const model::Value& value = at(method_.values, output->value);
    if (value.origin != model::Origin::node) return nullptr;
    const Node& node = method_.nodes[static_cast<std::size_t>(value.index)];
    const bool read = std::ranges::any_of(method_.nodes, [&](const Node& reader) {
      return std::ranges::find(reader.inputs, output->value) != reader.inputs.end();
    });
    const bool once = std::ranges::count(result_.outputs, output->value, &model::NamedValue::value) == 1;
    const OpDef& def = *program_.registry().find(node.op);
    const std::optional<IndexPair>& pair = def.interpolates;
    const bool makes_it = pair && node.outputs[static_cast<std::size_t>(pair->output)] == output->value;
    if (!makes_it || node.outputs.size() != 1 || read || !once) return nullptr;
    output->value = node.inputs[static_cast<std::size_t>(pair->input)];
    result_.left_out =
        model::interpolation_of(def, resolved.nodes[static_cast<std::size_t>(value.index)].attrs);
    return &node;
  }

  TensorDesc desc(ValueId id) const { return id == kNoValue ? TensorDesc() : at(result_.descs, id); }

  std::string describe(const Node& node) const {
    std::string text = node.path + " (" + node.op + " of";
    for (const ValueId id : node.inputs) text += id == kNoValue ? " -" : " " + to_string(desc(id).shape);
    return text + ")";
  }

  // How a result of the op lies in memory.
  TensorDesc stored(TensorDesc desc, const OpDef& def) const {
    if (def.precision == Precision::compute && is_activation(desc)) desc.dtype = options_.precision;
    return desc;
  }
  static bool is_activation(const TensorDesc& desc) {
    return desc.layout == Layout::nhwc && desc.dtype == DType::f32;
  }

  Status lower_node(const Node& node, const model::ResolvedNode& resolved) {
    if (!bytes_.active()) return lower_wide(node, resolved);
    bytes_.written_by(node);
    const OpDef& def = *resolved.def;
    const bool whole = options_.fuse && !backend_.candidates(def.name).empty();
    if (def.decomposition != nullptr && !whole) return lower_parts(node, def);
    for (const bool narrow_output : {true, false}) {
      GRAPHRUN_ASSIGN(const bool taken, offer_bytes(node, resolved, narrow_output));
      if (taken) return {};
    }
    Node wide = node;
    for (std::size_t i = 0; i < wide.inputs.size(); ++i) {
      ValueId& id = wide.inputs[i];
      if (id == kNoValue || !is_bytes(desc(id))) continue;
      GRAPHRUN_ASSIGN(id, form_of(id, node.path, options_.precision, !def.input(i).shape_only));
    }
    return lower_wide(wide, resolved);
  }

  static bool is_bytes(const TensorDesc& desc) {
    return desc.dtype == DType::u8 && desc.quantisation.scale > 0;
  }

  // The value as bytes or as `type`: itself, or a copy of which there is one for all who ask. With `computed`
  // a node that casts is there, too.
  Result<ValueId> form_of(ValueId id, const std::string& path, DType type, bool computed) {
    TensorDesc form = desc(id);
    form.dtype = type;
    form.quantisation = type == DType::u8 ? bytes_.of(id) : Quantisation();
    if (form == desc(id)) return id;
    ByteStorage::Form& copy = bytes_.form(id, type);
    if (copy.value == kNoValue) {
      const ValueId made = add_value(at(result_.values, id).name, at(types_, id), form);
      if (type == DType::s8) at(result_.values, made) = at(result_.values, id);
      copy.value = made;
    }
    if (computed && !copy.computed && type != DType::s8) {
      copy.computed = true;
      const ValueId to = copy.value;
      GRAPHRUN_TRY(cast_value(path, id, to));
      return to;
    }
    return copy.value;
  }

  // Offers the node with all in bytes that can be; casts come before it if it is taken.
  Result<bool> offer_bytes(const Node& node, const model::ResolvedNode& resolved, bool narrow_output) {
    const OpDef& def = *resolved.def;
    if (!bytes_.has_kernel(def.name)) return false;
    Node narrow = node;
    bool weight = false, stored = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId& id = narrow.inputs[i];
      if (id == kNoValue || def.input(i).shape_only) continue;
      stored = stored || is_bytes(desc(id));
      const bool in_s8 = bytes_.is_weight(at(result_.values, id));
      weight = weight || in_s8;
      if (!in_s8 && bytes_.of(id).scale <= 0) continue;
      GRAPHRUN_ASSIGN(id, form_of(id, node.path, in_s8 ? DType::s8 : DType::u8, false));
    }
    // A node without weights is as fast wide, where it would need casts.
    if (!weight && !stored) return false;
    const ValueId y = node.outputs[0];
    const TensorDesc wide = desc(y);
    const bool to_bytes = narrow_output && y != kNoValue && bytes_.wanted(y) && bytes_.of(y).scale > 0;
    if (narrow_output && !to_bytes) return false;
    if (to_bytes) at(result_.descs, y).dtype = DType::u8, at(result_.descs, y).quantisation = bytes_.of(y);
    std::string reasons;
    GRAPHRUN_ASSIGN(const bool taken, offer(narrow, def, resolved.attrs, reasons));
    if (!taken) {
      if (to_bytes) at(result_.descs, y) = wide;
      return false;
    }
    const LoweredNode made = std::move(result_.nodes.back());
    result_.nodes.pop_back();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (narrow.inputs[i] == node.inputs[i]) continue;
      GRAPHRUN_TRY(status_of(form_of(node.inputs[i], node.path, desc(narrow.inputs[i]).dtype, true)));
    }
    result_.nodes.push_back(made);
    return true;
  }

  Status lower_wide(const Node& node, const model::ResolvedNode& resolved) {
    const OpDef& def = *resolved.def;
    const Attributes& attrs = resolved.attrs;
    std::string reasons;
    if (options_.fuse || def.decomposition == nullptr) {
      GRAPHRUN_ASSIGN(bool taken, offer(node, def, attrs, reasons));
      if (options_.precision != DType::f32) {
        const bool narrow = def.precision == Precision::compute;
        if (!taken && narrow) {
          GRAPHRUN_ASSIGN(taken, offer_cast(node, def, attrs, options_.precision, reasons));
        }
        if (!taken) {
          GRAPHRUN_ASSIGN(taken, offer_cast(node, def, attrs, DType::f32, reasons));
        }
      }
      if (taken) return {};
    }
    if (def.decomposition != nullptr) return lower_parts(node, def);
    return {ErrorCode::unsupported, model::describe(node) + ": " + reasons};
  }

  // Asks the backend's kernels to take the node. Returns whether one did; if not, `reasons` tells why.
  Result<bool> offer(const Node& node, const OpDef& def, const Attributes& attrs, std::string& reasons) {
    std::vector<TensorDesc> inputs;
    std::vector<TensorDesc> outputs;
    KernelRequest request{def, attrs, {}, {}, {}, {}, {}, backend_.threads(), backend_.context(), &tables_};
    for (const ValueId id : node.inputs) {
      inputs.push_back(desc(id));
      request.input_present.push_back(id != kNoValue);
      request.input_constant.push_back(options_.constant_weights && id != kNoValue &&
                                       at(result_.values, id).origin == model::Origin::variable);
    }
    for (const ValueId id : node.outputs) {
      outputs.push_back(desc(id));
      request.output_present.push_back(id != kNoValue);
    }
    request.inputs = inputs;
    request.outputs = outputs;
    // A value and its cast have the same shape, and the cost is a matter of shapes.
    GRAPHRUN_ASSIGN(const double operations, model::cost_of(node, program_.registry(), types_, symbols_));
    const std::size_t hash = hash_of(node, request);
    if (std::shared_ptr<Kernel> kernel = kernel_of_equal(node, request, hash)) {
      result_.nodes.push_back({node.path, &def, std::move(kernel), node.inputs, node.outputs, operations});
      return true;
    }
    auto chosen = choose_kernel(backend_, request);
    if (chosen.ok()) {
      const std::shared_ptr<Kernel> kernel = *std::move(chosen);
      made_.emplace(hash, Made{&def, node.attrs, std::move(inputs), std::move(outputs), request.input_present,
                               request.output_present, request.input_constant, kernel});
      result_.nodes.push_back({node.path, &def, kernel, node.inputs, node.outputs, operations});
      return true;
    }
    if (chosen.status().code() != ErrorCode::declined)
      return std::move(chosen).status().with_context(model::describe(node));
    reasons = chosen.status().message();
    return false;
  }

  // Offers the node with all activations that it reads cast to `type`, and with what it writes cast back
  // where `type` is f32.
  Result<bool> offer_cast(Node node, const OpDef& def, const Attributes& attrs, DType type,
                          std::string& reasons) {
    const std::size_t first = result_.nodes.size();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId& id = node.inputs[i];
      const bool other = id != kNoValue && desc(id).layout == Layout::nhwc && is_real(desc(id).dtype) &&
                         desc(id).dtype != type;
      if (!other) continue;
      const bool read = !def.input(i).shape_only;
      const ValueId cast = cast_copy_of(id, type);
      if (read) GRAPHRUN_TRY(cast_value(node.path, id, cast));
      id = cast;
    }
    std::vector<std::pair<ValueId, ValueId>> back;
    for (ValueId& id : node.outputs) {
      if (id == kNoValue || type != DType::f32 || desc(id).dtype != options_.precision) continue;
      const ValueId wide = cast_copy_of(id, type);
      back.emplace_back(wide, id);
      id = wide;
    }
    if (result_.nodes.size() == first && back.empty()) return false;  // nothing to cast
    GRAPHRUN_ASSIGN(const bool taken, offer(node, def, attrs, reasons));
    if (!taken) result_.nodes.resize(first);
    for (const auto& [wide, id] : back) {
      if (taken) GRAPHRUN_TRY(cast_value(node.path, wide, id));
    }
    return taken;
  }

  // A new value like `id`, in another type.
  ValueId cast_copy_of(ValueId id, DType type) {
    TensorDesc desc = at(result_.descs, id);
    desc.dtype = type;
    return add_value(at(result_.values, id).name, at(types_, id), desc);
  }
  Status cast_value(const std::string& path, ValueId from, ValueId to) {
    GRAPHRUN_ASSIGN(const OpDef* def, model::find_op(program_.registry(), OpRole::cast));
    std::string reasons;
    GRAPHRUN_ASSIGN(const bool taken, offer({path + ".cast", std::string(def->name), {}, {from}, {to}}, *def,
                                            Attributes(), reasons));
    if (taken) return {};
    return {ErrorCode::unsupported, path + ", to cast it: " + reasons};
  }

  // Making a kernel can cost a millisecond, and networks repeat their blocks.
  std::shared_ptr<Kernel> kernel_of_equal(const Node& node, const KernelRequest& request,
                                          std::size_t hash) const {
    const auto [begin, end] = made_.equal_range(hash);
    for (auto entry = begin; entry != end; ++entry) {
      const Made& made = entry->second;
      if (made.def == &request.def && std::ranges::equal(made.inputs, request.inputs) &&
          std::ranges::equal(made.outputs, request.outputs) && made.input_present == request.input_present &&
          made.output_present == request.output_present && made.input_constant == request.input_constant &&
          made.attrs == node.attrs)
        return made.kernel;
    }
    return nullptr;
  }
  static std::size_t hash_of(const Node& node, const KernelRequest& request) {
    std::size_t hash = std::hash<const void*>()(&request.def);
    const auto mix = [&hash](std::size_t value) {
      constexpr std::size_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio
      hash = (hash ^ value) * kOdd;
      hash ^= hash >> 32;
    };
    for (const std::span<const TensorDesc> descs : {request.inputs, request.outputs}) {
      for (const TensorDesc& desc : descs) {
        mix(static_cast<std::size_t>(desc.dtype));
        for (int axis = 0; axis < desc.shape.rank(); ++axis) mix(static_cast<std::size_t>(desc.shape[axis]));
      }
    }
    const auto mix_expr = [&mix](const Expr& expr) {
      for (const Expr::Token& token : expr.tokens) {
        mix(static_cast<std::size_t>(token.integer));
        mix(std::hash<double>()(token.real));
      }
    };
    for (const auto& [name, value] : node.attrs) {
      if (const Expr* one = std::get_if<Expr>(&value)) mix_expr(*one);
      if (const auto* many = std::get_if<std::vector<Expr>>(&value)) std::ranges::for_each(*many, mix_expr);
      if (const auto* text = std::get_if<std::string>(&value)) mix(std::hash<std::string>()(*text));
    }
    return hash;
  }

  Status lower_parts(const Node& node, const OpDef& def) {
    if (depth_ >= kMaxPartsDepth) return {ErrorCode::internal, node.path + ": composites nested too deeply"};
    std::vector<Part> outer_parts = std::exchange(parts_, {});
    std::string outer_scope = std::exchange(scope_, node.path);
    const std::vector<ValueId> replacements = def.decomposition(node, *this);
    std::vector<Part> parts = std::exchange(parts_, std::move(outer_parts));
    scope_ = std::move(outer_scope);
    GRAPHRUN_TRY(failure_);
    if (replacements.size() != node.outputs.size())
      return {ErrorCode::internal, node.path + ": parts of another arity"};
    for (Part& part : parts) model::take_names(part.node, replacements, node.outputs);
    ++depth_;
    for (const Part& part : parts) GRAPHRUN_TRY(lower_node(part.node, part.resolved));
    --depth_;
    return {};
  }

  // What a kernel was made for.
  struct Made {
    const OpDef* def;
    AttrMap attrs;
    std::vector<TensorDesc> inputs;
    std::vector<TensorDesc> outputs;
    std::vector<bool> input_present;
    std::vector<bool> output_present;
    std::vector<bool> input_constant;
    std::shared_ptr<Kernel> kernel;
  };

  const model::Program& program_;
  const model::Method& method_;
  const model::Backend& backend_;
  const LowerOptions& options_;
  TableBudget tables_;
  SymbolLookup symbols_;
  std::vector<ValueType> types_;
  LoweredMethod result_;
  std::vector<ValueId> inputs_;
  std::unordered_multimap<std::size_t, Made> made_;  // by hash_of()
  ByteStorage bytes_;
  std::vector<Part> parts_;
  std::string scope_;
  Status failure_;
  int depth_ = 0;
};

}  // namespace

Result<std::unique_ptr<Kernel>> choose_kernel(const model::Backend& backend, const KernelRequest& request) {
  const auto in_eight_bits = [](const TensorDesc& desc) {
    return desc.dtype == DType::s8 || (desc.dtype == DType::u8 && desc.quantisation.scale > 0);
  };
  const bool eight_bits = std::ranges::any_of(request.inputs, in_eight_bits) ||
                          std::ranges::any_of(request.outputs, in_eight_bits);
  if (!eight_bits) GRAPHRUN_TRY(check_storage(request));
  std::string reasons;
  const TableBudget before = request.tables == nullptr ? TableBudget() : *request.tables;
  for (const KernelEntry& candidate : backend.candidates(request.def.name)) {
    if (candidate.eight_bits != eight_bits) continue;
    if (request.tables != nullptr) *request.tables = before;  // who declines keeps nothing
    auto kernel = candidate.prepare(request);
    if (kernel.ok() || kernel.status().code() != ErrorCode::declined) return kernel;
    reasons += "\n  " + std::string(candidate.name) + ": " + kernel.status().message();
  }
  if (reasons.empty())
    reasons = "; there is none for this op (kernels of training are in libgraphrun_training)";
  return {ErrorCode::declined, "no kernel of " + std::string(backend.device()) + " takes it" + reasons};
}

Result<LoweredMethod> lower(const model::Program& program, const model::Method& method,
                            const model::Backend& backend, const LowerOptions& options) {
  return Lowering(program, method, backend, options).run();
}

}  // namespace graphrun::session
