#pragma once

#include <optional>
#include <string>
#include <string_view>
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
  bool constant = false;             // dense f32 inputs do not change
  std::optional<IndexPair> alias{};  // this output lies in this input's memory
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

// The backend's kernels of the op, but for those of 8 bits, which tests of their own check.
std::vector<KernelEntry> wide_kernels(const model::Backend& backend, std::string_view op);

// The kernels of the backend that take the case, in the order in which a session asks them.
std::vector<std::string_view> takers_of(model::Backend& backend, const Case& test, const CaseData& data,
                                        bool constant);

// Whether activations of the case are stored in bf16.
bool is_narrow(const Case& test);
// Whether it has dense f32 inputs, which may be variables that do not change.
bool has_variables(const Case& test);

}  // namespace graphrun::test
