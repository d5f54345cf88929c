#pragma once

#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"
#include "runtime/model/backend.h"
#include "tests/ops/host_tensor.h"

namespace graphrun::test {

// The type as a tensor in memory. Precondition: constant extents.
TensorDesc desc_of(const ValueType& type);

// A GraphWriter that executes each node when it is added: with the first kernel that takes it, or by the op's
// parts where there is none.
class EagerGraph final : public GraphWriter {
 public:
  EagerGraph(const OpRegistry& registry, model::Backend& backend) : registry_(registry), backend_(backend) {}

  ValueId put(const TensorDesc& desc, const HostTensor& values);
  void set_input(std::string name, ValueId value) { inputs_[std::move(name)] = value; }

  std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                           std::string_view suffix) override;
  const ValueType& type(ValueId value) const override { return values_[index(value)].type; }
  ValueId input(std::string_view name, const ValueType& type) override;

  // The first error; values made after it are meaningless.
  const Status& status() const { return status_; }
  MemoryTensor& tensor(ValueId value) { return values_[index(value)].tensor; }
  // What was added from outside, in order; the nodes of parts are not in it.
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  struct Stored {
    ValueType type;
    MemoryTensor tensor;
  };
  static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }
  Result<std::vector<ValueId>> execute(const Node& node);
  Status run(Kernel& kernel, const OpDef& def, const std::vector<ValueId>& inputs,
             const std::vector<ValueId>& outputs);

  const OpRegistry& registry_;
  model::Backend& backend_;
  int depth_ = 0;
  Status status_;
  std::deque<Stored> values_;  // references to types stay valid
  std::map<std::string, ValueId, std::less<>> inputs_;
  std::vector<Node> nodes_;
};

// Reverse mode over graph.nodes(): the gradients of `inputs` when those of `outputs` are `seeds`; kNoValue
// where nothing flows. Sums are made on the host.
std::vector<ValueId> differentiate(EagerGraph& graph, const OpRegistry& registry,
                                   std::span<const ValueId> outputs, std::span<const ValueId> seeds,
                                   std::span<const ValueId> inputs);

}  // namespace graphrun::test
