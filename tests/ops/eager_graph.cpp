#include "tests/ops/eager_graph.h"

#include <algorithm>
#include <set>

#include "runtime/model/resolve.h"
#include "tests/ops/kernel_run.h"
#include "tests/ops/placed.h"

namespace graphrun::test {
namespace {

std::optional<Number> no_symbols(std::string_view) { return std::nullopt; }

ValueType type_of(const TensorDesc& desc) {
  ValueType type{desc.dtype, desc.layout, {}};
  for (const std::int64_t extent : desc.shape.extents()) type.shape.emplace_back(extent);
  return type;
}

}  // namespace

TensorDesc desc_of(const ValueType& type) {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : type.shape) extents.push_back(dim.constant());
  const Shape shape{std::span<const std::int64_t>(extents)};
  return type.layout == Layout::nhwc ? TensorDesc::nhwc(type.dtype, shape)
                                     : TensorDesc::dense(type.dtype, shape);
}

ValueId EagerGraph::put(const TensorDesc& desc, const HostTensor& values) {
  values_.push_back({type_of(desc), MemoryTensor(desc)});
  values_.back().tensor.write(values);
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId EagerGraph::input(std::string_view name, const ValueType&) {
  const auto found = inputs_.find(name);
  return found == inputs_.end() ? kNoValue : found->second;
}

std::vector<ValueId> EagerGraph::add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                                     std::string_view suffix) {
  const OpDef* const def = registry_.find(op);
  Node node{std::string(suffix), std::string(op), std::move(attrs), std::move(inputs), {}};
  if (def != nullptr) {
    model::add_absent_inputs(*def, node.inputs);
    for (std::size_t i = 0; i < def->outputs.size(); ++i)
      node.outputs.push_back(static_cast<ValueId>(values_.size() + i));
  }
  Result<std::vector<ValueId>> outputs = status_.ok() ? execute(node) : Result<std::vector<ValueId>>(status_);
  if (!outputs.ok()) {
    if (status_.ok()) status_ = std::move(outputs).status().with_context(op);
    const ValueId nothing = put(TensorDesc::dense(DType::f32, {}), HostTensor::zeros({}));
    return std::vector<ValueId>(def == nullptr ? 1 : std::max<std::size_t>(def->outputs.size(), 1), nothing);
  }
  node.outputs = *outputs;
  if (depth_ == 0) nodes_.push_back(std::move(node));
  return *outputs;
}

Result<std::vector<ValueId>> EagerGraph::execute(const Node& node) {
  const std::vector<ValueId>& inputs = node.inputs;
  std::vector<const ValueType*> types;
  std::vector<TensorDesc> input_descs;
  std::vector<bool> present;
  for (const ValueId id : inputs) {
    types.push_back(id == kNoValue ? nullptr : &values_[index(id)].type);
    input_descs.push_back(id == kNoValue ? TensorDesc() : values_[index(id)].tensor.desc());
    present.push_back(id != kNoValue);
  }
  GRAPHRUN_ASSIGN(const model::ResolvedNode resolved, model::resolve(node, registry_, types, no_symbols));
  const OpDef& def = *resolved.def;
  const std::vector<ValueType>& output_types = resolved.outputs;
  std::vector<TensorDesc> output_descs;
  for (const ValueType& type : output_types) output_descs.push_back(desc_of(type));

  const KernelRequest request{def,
                              resolved.attrs,
                              input_descs,
                              output_descs,
                              present,
                              std::vector<bool>(output_descs.size(), true),
                              std::vector<bool>(inputs.size(), false),
                              backend_.threads(),
                              backend_.context()};
  const auto lock = backend_.lock();
  std::string reasons;
  for (const KernelEntry& entry : wide_kernels(backend_, def.name)) {
    Result<std::unique_ptr<Kernel>> kernel = entry.prepare(request);
    if (!kernel.ok()) {
      if (kernel.status().code() != ErrorCode::declined) return std::move(kernel).status();
      reasons += "; " + std::string(entry.name) + ": " + kernel.status().message();
      continue;
    }
    std::vector<ValueId> outputs;
    for (std::size_t i = 0; i < output_types.size(); ++i) {
      values_.push_back({output_types[i], MemoryTensor(output_descs[i])});
      outputs.push_back(static_cast<ValueId>(values_.size() - 1));
    }
    GRAPHRUN_TRY(run(**kernel, def, inputs, outputs));
    return outputs;
  }
  if (def.decomposition == nullptr) return {ErrorCode::unsupported, "no kernel and no parts" + reasons};
  ++depth_;
  std::vector<ValueId> outputs = def.decomposition(node, *this);
  --depth_;
  GRAPHRUN_TRY(status_);
  return outputs;
}

Status EagerGraph::run(Kernel& kernel, const OpDef& def, const std::vector<ValueId>& inputs,
                       const std::vector<ValueId>& outputs) {
  std::map<ValueId, Placed> placed;  // an input may be given twice
  std::vector<TensorView> views[2];
  for (const auto* ids : {&inputs, &outputs}) {
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const ValueId id = (*ids)[i];
      TensorView view;
      if (id != kNoValue) {
        if (!placed.contains(id)) {
          GRAPHRUN_ASSIGN(Placed tensor_there, Placed::make(backend_, tensor(id)));
          placed.emplace(id, std::move(tensor_there));
        }
        view = placed.at(id).view();
      }
      const bool is_input = ids == &inputs;
      if (is_input && def.input(i).shape_only) view.data = nullptr;
      views[is_input ? 0 : 1].push_back(view);
    }
  }
  MemoryTensor scratch(TensorDesc::dense(DType::u8, {kernel.scratch_bytes()}));
  GRAPHRUN_ASSIGN(const Placed placed_scratch, Placed::make(backend_, scratch));
  GRAPHRUN_TRY(kernel.run({views[0], views[1], placed_scratch.view().data, nullptr}));
  GRAPHRUN_TRY(backend_.synchronize());
  for (auto& [id, tensor_there] : placed) GRAPHRUN_TRY(tensor_there.fetch());
  return {};
}

std::vector<ValueId> differentiate(EagerGraph& graph, const OpRegistry& registry,
                                   std::span<const ValueId> outputs, std::span<const ValueId> seeds,
                                   std::span<const ValueId> inputs) {
  const std::vector<Node> nodes = graph.nodes();
  std::set<ValueId> varied(inputs.begin(), inputs.end());
  for (const Node& node : nodes) {
    const OpDef& def = *registry.find(node.op);
    if (def.gradient == nullptr) continue;
    if (std::ranges::any_of(node.inputs, [&](ValueId id) { return varied.contains(id); })) {
      varied.insert(node.outputs.begin(), node.outputs.end());
    }
  }
  std::map<ValueId, ValueId> gradients;
  const auto accumulate = [&](ValueId value, ValueId gradient) {
    const auto [found, is_new] = gradients.try_emplace(value, gradient);
    if (is_new) return;
    HostTensor sum = graph.tensor(found->second).read();
    const HostTensor more = graph.tensor(gradient).read();
    for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += more.values[i];
    found->second = graph.put(graph.tensor(gradient).desc(), sum);
  };
  const auto find = [&](ValueId value) {
    const auto found = gradients.find(value);
    return found == gradients.end() ? kNoValue : found->second;
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (seeds[i] != kNoValue) accumulate(outputs[i], seeds[i]);
  }
  for (std::size_t at = nodes.size(); at-- > 0;) {
    const Node& node = nodes[at];
    const OpDef& def = *registry.find(node.op);
    std::vector<ValueId> above;
    for (const ValueId id : node.outputs) above.push_back(find(id));
    if (def.gradient == nullptr || std::ranges::count(above, kNoValue) == std::ssize(above)) continue;
    std::vector<bool> needed;
    for (const ValueId id : node.inputs) needed.push_back(varied.contains(id));
    const std::vector<ValueId> below = def.gradient({node, above, needed}, graph);
    for (std::size_t i = 0; i < below.size(); ++i) {
      if (below[i] != kNoValue && needed[i]) accumulate(node.inputs[i], below[i]);
    }
  }
  std::vector<ValueId> result;
  for (const ValueId id : inputs) result.push_back(find(id));
  return result;
}

}  // namespace graphrun::test
