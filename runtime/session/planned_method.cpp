#include "runtime/session/planned_method.h"

#include <algorithm>

#include "runtime/model/eight_bits.h"

namespace graphrun::session {
namespace {

// The variance of a single value is 0: all of a training step would see the norm's bias instead of the value,
// and an evaluation something else.
Status check_statistics(const LoweredMethod& lowered, const Reductions& reductions) {
  const auto& comm = reductions.batch_statistics;
  const std::int64_t ranks = comm == nullptr ? 1 : comm->size();
  for (const LoweredNode& node : lowered.nodes) {
    const bool gives = std::ranges::any_of(node.def->outputs, [](const OutputSpec& output) {
      return output.reduction == Reduction::batch_statistics;
    });
    if (!gives || node.inputs.empty() || node.inputs[0] == kNoValue) continue;
    const TensorDesc& x = lowered.descs[static_cast<std::size_t>(node.inputs[0])];
    if (x.shape.rank() != 4 || x.pixels() * ranks != 1) continue;
    return {
        ErrorCode::invalid_argument,
        node.path +
            ": batch norm in training would take its statistics of a single value, one image of 1 x 1; it "
            "needs more images at a time (batch_size, over accumulate and ranks), or a larger crop where "
            "its maps depend on that"};
  }
  return {};
}

// What is wide, and what is not.
Result<LowerOptions> storage_of(const model::Backend& backend, const MethodOptions& options) {
  LowerOptions storage;
  storage.precision = options.precision;
  if (options.precision != DType::s8) return storage;
  const auto* const eight_bits = model::service_of<model::EightBits>(backend);
  if (eight_bits == nullptr) return {ErrorCode::unsupported, "the device does not compute in 8 bits"};
  storage.precision = eight_bits->wide;
  storage.quantised = options.quantised;
  return storage;
}

Result<const model::Method*> find_method(const model::Model& model, std::string_view name,
                                         const MethodOptions& options) {
  if (options.method != nullptr) return options.method;
  const model::Method* found = model.method(name);
  if (found != nullptr) return found;
  return {ErrorCode::not_found,
          "the model \"" + model.name + "\" has no method \"" + std::string(name) + "\""};
}

}  // namespace

std::string packed_key(const LoweredMethod& lowered, const LoweredNode& node) {
  std::string key = std::string(node.kernel->name()) + " " + node.kernel->packed_key();
  for (const ValueId id : node.inputs) {
    const bool variable =
        id != kNoValue && lowered.values[static_cast<std::size_t>(id)].origin == model::Origin::variable;
    // With its length: names may have blanks.
    const std::string name = variable ? lowered.values[static_cast<std::size_t>(id)].name : "";
    key += " " + std::to_string(name.size()) + ":" + name;
  }
  return key;
}

Result<PlannedMethod> prepare_method(const model::Program& program, std::string_view method,
                                     const model::Backend& backend, const MethodOptions& options) {
  PlannedMethod planned;
  GRAPHRUN_ASSIGN(planned.method, find_method(program.model(), method, options));
  Result<DimValues> solved = solve_dims(program, options.input_shapes);
  if (!solved.ok() && solved.status().code() == ErrorCode::shape)
    return {ErrorCode::shape, solved.status().message() + nearest_sides(program, options.input_shapes)};
  GRAPHRUN_ASSIGN(DimValues dims, std::move(solved));
  const auto lock = backend.lock();
  GRAPHRUN_ASSIGN(LowerOptions lowering, storage_of(backend, options));
  lowering.dims = lookup_in(std::move(dims));
  lowering.constant_weights = options.constant_weights;
  lowering.fuse = options.fuse;
  lowering.low_res_logits = options.low_res_logits;
  lowering.max_table_bytes = options.max_table_bytes;
  GRAPHRUN_ASSIGN(planned.lowered, lower(program, *planned.method, backend, lowering));
  GRAPHRUN_TRY(check_statistics(planned.lowered, options.reductions));
  planned.variables = variables_of(program.model(), *planned.method, planned.lowered);
  GRAPHRUN_ASSIGN(planned.plan, plan_method(planned.lowered, planned.variables));
  GRAPHRUN_ASSIGN(planned.rematerialisations, undo_rematerialisations(planned.lowered, planned.variables,
                                                                      options.arena_budget, planned.plan));
  return planned;
}

Result<MemoryRequirements> requirements_of(const PlannedMethod& planned, bool values) {
  MemoryRequirements needs;
  needs.arena_bytes = planned.plan.bytes;
  if (values) {
    GRAPHRUN_ASSIGN(const MethodPlan alone, plan_method(planned.lowered, planned.variables, false));
    needs.value_bytes = alone.bytes;
  }
  needs.table_bytes = planned.lowered.table_bytes;
  for (const LoweredNode& node : planned.lowered.nodes) {
    needs.operations += node.operations;
    if (node.kernel->packed_bytes() > 0)
      needs.packed_bytes[packed_key(planned.lowered, node)] = node.kernel->packed_bytes();
  }
  for (const model::NamedValue& output : planned.lowered.outputs)
    needs.outputs[output.name] = planned.lowered.descs[static_cast<std::size_t>(output.value)];
  return needs;
}

}  // namespace graphrun::session
