#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "runtime/model/backend.h"
#include "tests/ops/harness.h"

// One case of the harness on one kernel.
namespace graphrun::test {

// A case with its attributes evaluated, its types inferred and its inputs drawn.
struct CaseData {
  const OpDef* def = nullptr;
  Attributes attrs;
  std::vector<ValueType> input_types;
  std::vector<ValueType> output_types;
  std::vector<TensorDesc> output_descs;
  std::vector<MemoryTensor> inputs;
  std::vector<HostTensor> values;
  std::vector<bool> wanted;
};

// How a kernel is run.
struct Variant {
  int threads = 1;
  bool constant = false;           // dense f32 inputs do not change
  std::optional<IndexPair> alias;  // this output lies in this input's memory
  // The run is recorded and replayed, twice where that gives the same once more.
  bool recorded = false;
};
std::string to_string(const Variant& variant);

// Those of a case on a device. The first two must give the same bits.
std::vector<Variant> variants_of(const model::Backend& backend, const Case& test, const CaseData& data);

// Outputs (unwanted ones untouched), then updated inputs. Declined: an empty list and the reason in
// `declined`. What is written beside outputs and scratch fails the test.
Result<std::vector<MemoryTensor>> run_kernel(model::Backend& backend, const KernelEntry& entry,
                                             const Case& test, const CaseData& data, const Variant& variant,
                                             std::string& declined);

// Whether any kernel of the backend takes the case.
bool takes(model::Backend& backend, const Case& test, const CaseData& data);

}  // namespace graphrun::test
