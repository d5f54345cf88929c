#include "runtime/session/bound_op.h"

#include <algorithm>

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

bool same_type(const ValueType& a, const ValueType& b) {
  return a.dtype == b.dtype && a.layout == b.layout && a.shape == b.shape;
}

}  // namespace

Result<BoundOp> BoundOp::bind(const OpRegistry& ops, model::Backend& backend, std::string_view op,
                              const AttrMap& attrs, std::vector<TensorView> inputs,
                              std::vector<TensorView> outputs) {
  const OpDef* def = ops.find(op);
  if (def == nullptr) return {ErrorCode::not_found, "no op \"" + std::string(op) + "\""};
  inputs.resize(std::max(inputs.size(), def->inputs.size()));
  outputs.resize(def->outputs.size());
  const auto no_symbols = [](std::string_view) { return std::optional<Number>(); };
  GRAPHRUN_ASSIGN(const Attributes evaluated, Attributes::evaluate(def->attrs, attrs, no_symbols).in(op));
  std::vector<ValueType> types;
  std::vector<TensorDesc> input_descs;
  std::vector<TensorDesc> output_descs;
  std::vector<bool> input_present;
  std::vector<bool> output_present;
  for (const TensorView& view : inputs) {
    types.push_back(type_of(*def, view.desc));
    input_descs.push_back(view.desc);
    input_present.push_back(view.data != nullptr);
  }
  for (const TensorView& view : outputs) {
    output_descs.push_back(view.desc);
    output_present.push_back(view.data != nullptr);
  }
  std::vector<const ValueType*> type_pointers;
  for (std::size_t i = 0; i < types.size(); ++i)
    type_pointers.push_back(input_present[i] ? &types[i] : nullptr);
  std::vector<ValueType> given(def->outputs.size());
  GRAPHRUN_TRY(def->infer(evaluated, type_pointers, given).in(op));
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool fits =
        i < outputs.size() && (!output_present[i] || same_type(type_of(*def, output_descs[i]), given[i]));
    if (fits) continue;
    return {ErrorCode::shape, std::string(op) + ": output \"" + std::string(def->outputs[i].name) + "\" is " +
                                  to_string(given[i])};
  }
  const KernelRequest request{*def,
                              evaluated,
                              input_descs,
                              output_descs,
                              input_present,
                              output_present,
                              std::vector<bool>(inputs.size(), false),
                              backend.threads(),
                              backend.context()};
  const auto turn = backend.turn();
  BoundOp bound;
  GRAPHRUN_ASSIGN(bound.kernel_, choose_kernel(backend, request).in(op));
  GRAPHRUN_ASSIGN(bound.scratch_, backend.allocate(bound.kernel_->scratch_bytes()));
  bound.backend_ = &backend;
  bound.name_ = def->name;
  bound.inputs_ = std::move(inputs);
  bound.outputs_ = std::move(outputs);
  return bound;
}

Status BoundOp::run() {
  const auto turn = backend_->turn();
  return kernel_->run({inputs_, outputs_, scratch_->data(), nullptr}).in(name_);
}

}  // namespace graphrun::session
