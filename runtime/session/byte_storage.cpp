#include "runtime/session/byte_storage.h"

#include <algorithm>

namespace graphrun::session {

ByteStorage::ByteStorage(const model::Program& program, const model::Method& method,
                         const model::Backend& backend, const weights::QuantisedValues* quantised)
    : backend_(backend), quantised_(quantised), method_values_(static_cast<ValueId>(method.values.size())) {
  if (quantised == nullptr) return;
  for (const Node& node : method.nodes) {
    const OpDef* const def = program.registry().find(node.op);
    // A composite's parts may read bytes where it does not.
    const bool could = has_kernel(node.op) || (def != nullptr && def->decomposition != nullptr);
    for (std::size_t i = 0; could && i < node.inputs.size(); ++i) {
      if (!def->input(i).shape_only) wanted_.insert(node.inputs[i]);
    }
  }
}

void ByteStorage::add_outputs(const std::vector<model::NamedValue>& outputs) {
  for (const model::NamedValue& output : outputs) wanted_.erase(output.value);
}

void ByteStorage::add_values(const std::vector<model::Value>& values) {
  if (quantised_ == nullptr) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].origin != model::Origin::input) continue;
    const auto found = quantised_->activations.find(values[i].name);
    if (found != quantised_->activations.end()) scales_[static_cast<ValueId>(i)] = found->second;
  }
}

void ByteStorage::written_by(const Node& node) {
  const auto found = quantised_->activations.find(node.path);
  if (found == quantised_->activations.end() || node.outputs.empty()) return;
  scales_[node.outputs[0]] = found->second;
}

Quantisation ByteStorage::of(ValueId id) const {
  const auto found = scales_.find(id);
  return found == scales_.end() ? Quantisation() : found->second;
}

bool ByteStorage::is_weight(const model::Value& value) const {
  return value.origin == model::Origin::variable &&
         static_cast<std::size_t>(value.index) < quantised_->variables.size() &&
         quantised_->variables[static_cast<std::size_t>(value.index)];
}

bool ByteStorage::has_kernel(std::string_view op) const {
  const auto known = kernels_.find(op);
  if (known != kernels_.end()) return known->second;
  const bool found = std::ranges::any_of(backend_.candidates(op), &KernelEntry::eight_bits);
  kernels_.emplace(op, found);
  return found;
}

}  // namespace graphrun::session
