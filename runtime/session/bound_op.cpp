#include "runtime/session/bound_op.h"

#include <algorithm>

#include "runtime/model/resolve.h"
#include "runtime/session/lower.h"

namespace graphrun::session {
namespace {

// As definitions see it: f32 stands for the type that is computed in.
ValueType type_of(const OpDef& def, const TensorDesc& desc) {
  const bool computed = def.precision == Precision::compute && desc.dtype == DType::bf16;
  ValueType type{computed ? DType::f32 : desc.dtype, desc.layout, {}};
  for (const std::int64_t extent : desc.shape.extents()) type.shape.emplace_back(extent);
  return type;
}

// The op as a node of its own, whose values are numbered as the views come.
Node node_of(std::string_view op, const AttrMap& attrs, std::span<const TensorView> inputs,
             std::span<const TensorView> outputs) {
  Node node{std::string(op), std::string(op), attrs, {}, {}};
  ValueId next = 0;
  for (const TensorView& view : inputs) node.inputs.push_back(view.data == nullptr ? kNoValue : next++);
  for (const TensorView& view : outputs) node.outputs.push_back(view.data == nullptr ? kNoValue : next++);
  return node;
}

// The op resolved for the views, and that the outputs are what it gives.
Result<model::ResolvedNode> resolve_views(const OpRegistry& ops, const OpDef& def, const AttrMap& attrs,
                                          std::span<const TensorView> inputs,
                                          std::span<const TensorView> outputs) {
  std::vector<ValueType> types;
  for (const TensorView& view : inputs) types.push_back(type_of(def, view.desc));
  std::vector<const ValueType*> present;
  for (std::size_t i = 0; i < types.size(); ++i)
    present.push_back(inputs[i].data == nullptr ? nullptr : &types[i]);
  const auto no_symbols = [](std::string_view) { return std::optional<Number>(); };
  GRAPHRUN_ASSIGN(model::ResolvedNode resolved,
                  model::resolve(node_of(def.name, attrs, inputs, outputs), ops, present, no_symbols));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].data == nullptr || type_of(def, outputs[i].desc) == resolved.outputs[i]) continue;
    return {ErrorCode::shape,
            "output \"" + std::string(def.outputs[i].name) + "\" is " + to_string(resolved.outputs[i])};
  }
  return resolved;
}

}  // namespace

Result<BoundOp> BoundOp::bind(const OpRegistry& ops, model::Backend& backend, OpRole role,
                              const AttrMap& attrs, std::vector<TensorView> inputs,
                              std::vector<TensorView> outputs) {
  GRAPHRUN_ASSIGN(const OpDef* def, model::find_op(ops, role));
  inputs.resize(std::max(inputs.size(), def->inputs.size()));
  outputs.resize(std::max(outputs.size(), def->outputs.size()));
  GRAPHRUN_ASSIGN(const model::ResolvedNode resolved,
                  resolve_views(ops, *def, attrs, inputs, outputs).with_context(def->name));
  std::vector<TensorDesc> input_descs;
  std::vector<TensorDesc> output_descs;
  std::vector<bool> input_present;
  std::vector<bool> output_present;
  for (const TensorView& view : inputs) {
    input_descs.push_back(view.desc);
    input_present.push_back(view.data != nullptr);
  }
  for (const TensorView& view : outputs) {
    output_descs.push_back(view.desc);
    output_present.push_back(view.data != nullptr);
  }
  const KernelRequest request{*def,
                              resolved.attrs,
                              input_descs,
                              output_descs,
                              input_present,
                              output_present,
                              std::vector<bool>(inputs.size(), false),
                              backend.threads(),
                              backend.context()};
  const auto lock = backend.lock();
  BoundOp bound;
  GRAPHRUN_ASSIGN(bound.kernel_, choose_kernel(backend, request).with_context(def->name));
  GRAPHRUN_ASSIGN(bound.scratch_, backend.allocate(bound.kernel_->scratch_bytes()));
  bound.backend_ = &backend;
  bound.name_ = def->name;
  bound.inputs_ = std::move(inputs);
  bound.outputs_ = std::move(outputs);
  return bound;
}

Status BoundOp::run() {
  const auto lock = backend_->lock();
  return kernel_->run({inputs_, outputs_, scratch_->data(), nullptr}).with_context(name_);
}

}  // namespace graphrun::session
