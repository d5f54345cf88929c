#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/numeric/interpolation.h"
#include "runtime/weights/quantised.h"

namespace graphrun::session {

// A node with its kernel, for one set of sizes. Nodes that ask for the same share a kernel.
struct LoweredNode {
  std::string path;
  const OpDef* def = nullptr;
  std::shared_ptr<Kernel> kernel;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  double operations = 0;  // cost_of()
};

// A method whose shapes are numbers and whose composites are kernels of a backend.
struct LoweredMethod {
  std::vector<model::Value> values;  // of the method, then those that parts of composites added
  std::vector<TensorDesc> descs;     // by value
  std::vector<LoweredNode> nodes;
  std::vector<model::NamedValue> outputs;
  // How the output that LowerOptions::low_res_logits asks for is brought to the size that the graph gives it;
  // empty: it has that size.
  std::optional<numeric::Interpolation> left_out{};
  std::int64_t table_bytes = 0;  // that kernels keep beside scratch
};

struct LowerOptions {
  SymbolLookup dims;              // N, H, W, ... of the inputs
  bool constant_weights = false;  // variables do not change while the session lives
  bool fuse = true;               // false: composites run as their parts
  // Name of an output that is wanted before the interpolation that makes it (OpDef::interpolates), if one
  // does and nothing else reads its result: that node is left out, and the output is what it reads.
  std::string low_res_logits{};
  // Element type of the activations between ops that follow the session's precision: f32 or bf16. The
  // method's inputs and outputs, and all that an op of Precision::always_f32 gives, stay f32.
  DType precision = DType::f32;
  // What may be stored in 8 bits beside that: nodes whose op has kernels for it read and write these values
  // so where one takes them. Null: nothing.
  const weights::QuantisedValues* quantised = nullptr;
  // Bytes that tables of kernels may take (TableBudget); refused before they are built.
  std::int64_t max_table_bytes = std::numeric_limits<std::int64_t>::max();
};

// The backend's first kernel that takes the node; ErrorCode::declined with each candidate's reason where none
// does. Any other error of a candidate ends the search.
Result<std::unique_ptr<Kernel>> choose_kernel(const model::Backend& backend, const KernelRequest& request);

// Chooses for each node the backend's first kernel that takes it; a composite that none takes is replaced by
// its parts. In bf16 a node is offered as it is, then with all it reads in bf16, then in f32 alone, with
// casts around it; of quantised values it is offered in 8 bits before all that. Errors name the node, its
// shapes, and each candidate's reason.
Result<LoweredMethod> lower(const model::Program& program, const model::Method& method,
                            const model::Backend& backend, const LowerOptions& options);

}  // namespace graphrun::session
