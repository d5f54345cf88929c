#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"
#include "runtime/core/random.h"
#include "runtime/model/backend.h"
#include "tests/ops/host_tensor.h"
#include "tests/ops/kernel_choice.h"

// The one test of all ops: a case says what goes in, a naive reference in double says what comes out.
namespace graphrun::test {

// Values of an input tensor. They are rounded to its element type before the reference sees them.
using Values = std::function<double(core::Random& random)>;
Values normal(double mean = 0, double deviation = 1);
Values uniform(double low, double high);
// Integers 0 to count - 1; `ignore` instead with probability `share`.
Values integers(std::uint32_t count, double share = 0, double ignore = 255);
Values in_order(std::vector<double> values);  // over and over

struct InputCase {
  TensorDesc desc;
  Values values;
  bool present = true;
};
// (N, C, H, W) in NHWC memory; `gap` elements lie between pixels.
InputCase activation(const Shape& shape, Values values = normal(), std::int64_t gap = 0);
InputCase dense(const Shape& shape, Values values = normal(), DType dtype = DType::f32);
InputCase absent();

struct Case {
  std::string op;
  AttrMap attrs{};
  std::vector<InputCase> inputs{};
  // |actual - expected| <= tolerance * (largest |expected| of the tensor); integers must be equal.
  double tolerance = 1e-5;
  double least_scale = 0;             // counts as the largest |expected| where that is smaller: terms cancel
  std::int64_t output_gap = 0;        // between pixels of NHWC outputs
  std::vector<int> unwanted{};        // outputs that nobody reads
  std::vector<int> updated_inputs{};  // inputs that the op writes beside OpDef::updates
  bool same_bits = true;              // for any number of the CPU's threads
  std::map<std::string, InputCase> model_inputs{};  // for GraphWriter::input, e.g. "rng"
  std::uint64_t seed = 1;                           // seed_offset() is added
  std::vector<KernelChoice> kernels{};              // that it was written for
};
std::uint64_t seed_of(const Case& test);

// Naive and independent: `out` has one tensor for each output of the op, then one for each of
// Case::updated_inputs (holding its old content); each is to be given its shape and values. One that is left
// without `present` is not compared.
using Reference = std::function<void(const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                                     const Attributes& attrs)>;

struct GradientOptions {
  double tolerance = 1e-4;    // of the largest gradient of the tensor
  std::vector<int> inputs{};  // to differentiate by; empty: all real inputs whose values are read
  int samples = 48;           // elements of each input that are compared
  double step = 1e-5;         // of the finite differences
};

enum class Form { eval, train };

struct CaseData;

// The ops of which some case was checked in this run of the program.
const std::set<std::string, std::less<>>& checked_ops();
// For a test that runs an op's kernels without the harness.
void count_as_checked(std::string_view op);

// Its kernels are those of test_backend().
class OpHarness {
 public:
  OpHarness();

  // Inferred against actual type; every kernel of the op, at 1 and 2 threads, with constant variables, and
  // in place where the op allows it, against the reference; the same bits for 1 and 2 threads; nothing
  // written beside the outputs; no poison read; the kernels that Case::kernels names take it. The same with
  // activations in bf16, to 1 % of the largest value, which some kernel must take, but for ops that have none
  // (kernel_choice.h). On a GPU, a run and its replayed recording take the place of 1 and 2 threads, and
  // whatever the CPU takes in bf16 some kernel must take.
  void check(const Case& test, const Reference& reference) const;
  // The gradient's nodes (of the op's form in training) against central differences of the reference in
  // double.
  void check_gradient(const Case& test, const Reference& reference,
                      const GradientOptions& options = {}) const;
  // The op as it is written in a method (OpDef::for_eval, for_train) against the reference.
  void check_variant(const Case& test, Form form, const Reference& reference) const;
  // The parts of a composite against the reference.
  void check_parts(const Case& test, const Reference& reference) const;

  // For tests of their own: what inference says of the case, and what the first kernel gives.
  Result<std::vector<ValueType>> infer(const Case& test) const;
  Result<std::vector<HostTensor>> run(const Case& test) const;
  // What each kernel gives that takes the case, by its name; outputs that are not wanted are not `present`.
  std::map<std::string, std::vector<HostTensor>> run_all(const Case& test) const;

 private:
  // Returns whether any kernel took the case.
  bool check_kernels(const Case& test, const Reference& reference) const;
  bool check_kernel(const KernelEntry& entry, const Case& test, const CaseData& data,
                    const std::vector<HostTensor>& expected) const;
  const OpRegistry& registry_;
  std::shared_ptr<model::Backend> backend_;
};

}  // namespace graphrun::test
