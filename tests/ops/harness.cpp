#include "tests/ops/harness.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <iomanip>
#include <optional>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/model/resolve.h"
#include "tests/ops/eager_graph.h"
#include "tests/ops/kernel_run.h"
#include "tests/ops/test_backend.h"

namespace graphrun::test {
namespace {

std::optional<Number> no_symbols(std::string_view) { return std::nullopt; }

std::size_t size(int i) { return static_cast<std::size_t>(i); }

std::set<std::string, std::less<>>& checked() {
  static std::set<std::string, std::less<>> ops;
  return ops;
}

// Expected and actual of one tensor; reports the worst element.
void compare(const HostTensor& expected, const HostTensor& actual, DType dtype, double tolerance,
             std::string_view what, double least_scale = 0) {
  BOOST_TEST_CONTEXT(std::string(what)) {
    BOOST_REQUIRE_EQUAL(to_string(expected.shape), to_string(actual.shape));
    BOOST_REQUIRE_EQUAL(expected.values.size(), actual.values.size());
    double scale = least_scale;
    for (const double value : expected.values) scale = std::max(scale, std::abs(value));
    const double bound = is_real(dtype) ? tolerance * scale : 0;
    std::size_t worst = 0;
    double worst_error = -1;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      const bool same_nan = std::isnan(expected.values[i]) && std::isnan(actual.values[i]);
      const double difference = same_nan ? 0 : std::abs(expected.values[i] - actual.values[i]);
      const double error = std::isnan(difference) ? INFINITY : difference;
      if (error > worst_error) worst = i, worst_error = error;
    }
    BOOST_TEST_CONTEXT("element " << worst << " of " << to_string(expected.shape)) {
      if (worst_error > bound) {
        BOOST_ERROR("expected " << std::setprecision(9) << expected.values[worst] << ", got "
                                << actual.values[worst] << "; allowed difference " << bound);
      }
    }
  }
}

MemoryTensor draw(const InputCase& input, core::Random& random) {
  MemoryTensor memory(input.desc);
  HostTensor values = HostTensor::zeros(input.desc.shape);
  for (double& value : values.values) value = input.values(random);
  memory.write(values);
  return memory;
}

// The case with the absent inputs that it leaves out at the end.
Case with_all_inputs(const OpRegistry& registry, Case test) {
  const OpDef* const def = registry.find(test.op);
  if (def == nullptr) return test;
  std::vector<ValueId> ids(test.inputs.size(), 0);
  model::add_absent_inputs(*def, ids);
  while (test.inputs.size() < ids.size()) test.inputs.push_back(absent());
  return test;
}

// The case as a node whose values are numbered as they come.
Node node_of(const OpDef& def, const Case& test) {
  Node node{"node", test.op, test.attrs, {}, {}};
  ValueId next = 0;
  for (const InputCase& input : test.inputs) node.inputs.push_back(input.present ? next++ : kNoValue);
  for (std::size_t i = 0; i < def.outputs.size(); ++i) node.outputs.push_back(next++);
  for (const int i : test.unwanted) node.outputs[size(i)] = kNoValue;
  return node;
}

Status infer_case(const OpRegistry& registry, const Case& test, CaseData& data) {
  GRAPHRUN_ASSIGN(data.def, model::find_op(registry, test.op));
  for (const InputCase& input : test.inputs) {
    ValueType type{input.desc.dtype, input.desc.layout, {}};
    for (const std::int64_t extent : input.desc.shape.extents()) type.shape.emplace_back(extent);
    data.input_types.push_back(std::move(type));
  }
  std::vector<const ValueType*> types;
  for (std::size_t i = 0; i < test.inputs.size(); ++i) {
    types.push_back(test.inputs[i].present ? &data.input_types[i] : nullptr);
  }
  GRAPHRUN_ASSIGN(model::ResolvedNode resolved,
                  model::resolve(node_of(*data.def, test), registry, types, no_symbols));
  data.attrs = std::move(resolved.attrs);
  data.output_types = std::move(resolved.outputs);
  for (const ValueType& type : data.output_types) {
    TensorDesc desc = desc_of(type);
    if (desc.layout == Layout::nhwc) desc.pixel_stride += test.output_gap;
    data.output_descs.push_back(desc);
  }
  data.wanted.assign(data.output_descs.size(), true);
  for (const int i : test.unwanted) data.wanted[size(i)] = false;
  return {};
}

CaseData make_data(const OpRegistry& registry, const Case& test) {
  CaseData data;
  const Status status = infer_case(registry, test, data);
  BOOST_REQUIRE_MESSAGE(status.ok(), test.op << ": " << (status.ok() ? "" : status.message()));
  core::Random random(seed_of(test), core::RandomPurpose::test);
  for (const InputCase& input : test.inputs) {
    data.inputs.push_back(draw(input, random));
    data.values.push_back(data.inputs.back().read());
    data.values.back().present = input.present;
  }
  return data;
}

std::vector<HostTensor> expect(const Case& test, const CaseData& data, const Reference& reference) {
  std::vector<HostTensor> out(data.def->outputs.size());
  for (const int i : test.updated_inputs) out.push_back(data.values[size(i)]);
  reference(data.values, out, data.attrs);
  return out;
}

void compare_outputs(const CaseData& data, const std::vector<HostTensor>& expected,
                     const std::vector<MemoryTensor>& actual, const Case& test) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const bool is_output = i < data.wanted.size();
    const std::string what = is_output ? "output \"" + std::string(data.def->outputs[i].name) + "\""
                                       : "updated input " + std::to_string(i - data.wanted.size());
    BOOST_TEST(actual[i].gaps_untouched(), what << ": written beside its elements");
    if ((is_output && !data.wanted[i]) || !expected[i].present) continue;
    compare(expected[i], actual[i].read(), actual[i].desc().dtype, test.tolerance, what, test.least_scale);
  }
}

// The case's inputs in an eager graph.
std::vector<ValueId> put_inputs(EagerGraph& graph, const Case& test, const CaseData& data) {
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    ids.push_back(test.inputs[i].present ? graph.put(data.inputs[i].desc(), data.values[i]) : kNoValue);
  }
  core::Random random(seed_of(test) + 1, core::RandomPurpose::test);
  for (const auto& [name, input] : test.model_inputs) {
    graph.set_input(name, graph.put(input.desc, draw(input, random).read()));
  }
  return ids;
}

void require_ok(const Status& status) {
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.message()));
}

std::vector<ValueId> write_node(EagerGraph& graph, const Case& test, OpDef::Rewrite rewrite,
                                const std::vector<ValueId>& inputs) {
  if (rewrite == nullptr) return graph.add(test.op, inputs, test.attrs, "");
  return rewrite({"scope.node", test.op, test.attrs, inputs, {}}, graph);
}

void check_rewrite(const OpRegistry& registry, model::Backend& backend, const Case& test,
                   OpDef::Rewrite OpDef::*form, const Reference& reference) {
  const CaseData data = make_data(registry, test);
  BOOST_REQUIRE(data.def->*form != nullptr);
  EagerGraph graph(registry, backend);
  const std::vector<ValueId> outputs =
      write_node(graph, test, data.def->*form, put_inputs(graph, test, data));
  require_ok(graph.status());
  BOOST_REQUIRE_EQUAL(outputs.size(), data.def->outputs.size());
  const std::vector<HostTensor> expected = expect(test, data, reference);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNoValue || !expected[i].present) continue;
    compare(expected[i], graph.tensor(outputs[i]).read(), data.output_types[i].dtype, test.tolerance,
            data.def->outputs[i].name, test.least_scale);
  }
}

std::vector<HostTensor> read_all(const CaseData& data, const std::vector<MemoryTensor>& tensors) {
  std::vector<HostTensor> values;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const bool unwanted = i < data.wanted.size() && !data.wanted[i];
    values.push_back(unwanted ? HostTensor{false, {}, {}} : tensors[i].read());
  }
  return values;
}

// The case with activations that are stored in bf16, 8 bits of which are significant.
Case in_bf16(Case test) {
  for (InputCase& input : test.inputs) {
    const bool activation = input.desc.layout == Layout::nhwc && input.desc.dtype == DType::f32;
    if (activation && input.present) input.desc.dtype = DType::bf16;
  }
  test.tolerance = std::max(test.tolerance, 1e-2);
  return test;
}

// Of a case: what is differentiated where its test names no inputs.
std::vector<int> differentiable_inputs(const Case& test, const CaseData& data) {
  std::vector<int> found;
  for (std::size_t i = 0; i < test.inputs.size(); ++i) {
    const InputSpec& spec = data.def->input(i);
    const bool buffer = spec.is_variable && spec.variable == VariableKind::buffer;
    if (test.inputs[i].present && !spec.shape_only && !buffer && is_real(test.inputs[i].desc.dtype)) {
      found.push_back(static_cast<int>(i));
    }
  }
  return found;
}

// What the outputs are multiplied by in the scalar that is differentiated.
std::vector<HostTensor> draw_seeds(const CaseData& data, core::Random& random) {
  std::vector<HostTensor> seeds(data.output_types.size());
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    seeds[i] = draw(dense(data.output_descs[i].shape), random).read();
    seeds[i].present = is_real(data.output_types[i].dtype) && data.wanted[i];
  }
  return seeds;
}

double weighted_sum(const std::vector<HostTensor>& out, const std::vector<HostTensor>& seeds) {
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t k = 0; seeds[i].present && k < out[i].values.size(); ++k) {
      sum += out[i].values[k] * seeds[i].values[k];
    }
  }
  return sum;
}

struct SeededCase {
  const Case& test;
  const CaseData& data;
  const std::vector<HostTensor>& seeds;
};

std::vector<HostTensor> gradients_of(EagerGraph graph, const OpRegistry& registry, const SeededCase& seeded,
                                     const std::vector<int>& wrt) {
  const CaseData& data = seeded.data;
  const std::vector<ValueId> inputs = put_inputs(graph, seeded.test, data);
  const std::vector<ValueId> outputs = write_node(graph, seeded.test, data.def->for_train, inputs);
  std::vector<ValueId> seed_ids;
  seed_ids.reserve(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool flows = seeded.seeds[i].present && outputs[i] != kNoValue;
    seed_ids.push_back(flows ? graph.put(desc_of(data.output_types[i]), seeded.seeds[i]) : kNoValue);
  }
  std::vector<ValueId> wrt_ids;
  wrt_ids.reserve(wrt.size());
  for (const int i : wrt) wrt_ids.push_back(inputs[size(i)]);
  std::vector<HostTensor> gradients;
  for (const ValueId id : differentiate(graph, registry, outputs, seed_ids, wrt_ids)) {
    gradients.push_back(id == kNoValue ? HostTensor() : graph.tensor(id).read());
    gradients.back().present = id != kNoValue;
  }
  require_ok(graph.status());
  return gradients;
}

using Objective = std::function<double(const std::vector<HostTensor>&)>;

struct Differences {
  const Objective& objective;
  const std::vector<HostTensor>& values;
  std::size_t input;
};

// Compares elements of a gradient, all or as many as the options say, with central differences.
void compare_samples(const Differences& of, const HostTensor& gradient, const GradientOptions& options,
                     core::Random& random) {
  const double here = of.objective(of.values);
  const auto total = static_cast<std::uint32_t>(of.values[of.input].values.size());
  HostTensor expected;
  HostTensor actual;
  for (int sample = 0; sample < std::min(options.samples, static_cast<int>(total)); ++sample) {
    const std::size_t k =
        total <= static_cast<std::uint32_t>(options.samples) ? size(sample) : random.next_below(total);
    std::vector<HostTensor> moved = of.values;
    double& x = moved[of.input].values[k];
    const double centre = x;
    const double h = options.step * std::max(1.0, std::abs(centre));
    x = centre + h;
    const double above = of.objective(moved);
    x = centre - h;
    const double below = of.objective(moved);
    const double found = gradient.values[k];
    // Where a kink lies within the step, one of its sides is the derivative.
    const double slopes[] = {(above - below) / (2 * h), (above - here) / h, (here - below) / h};
    expected.values.push_back(
        *std::ranges::min_element(slopes, {}, [found](double slope) { return std::abs(slope - found); }));
    actual.values.push_back(found);
  }
  compare(expected, actual, DType::f32, options.tolerance, "sampled elements");
}

}  // namespace

Values normal(double mean, double deviation) {
  return [=](core::Random& random) {
    const double radius = std::sqrt(-2 * std::log(1 - random.next_double()));
    return mean + deviation * radius * std::cos(2 * M_PI * random.next_double());
  };
}
Values uniform(double low, double high) {
  return [=](core::Random& random) { return random.next_between(low, high); };
}
Values integers(std::uint32_t count, double share, double ignore) {
  return [=](core::Random& random) {
    return random.next_bool(share) ? ignore : static_cast<double>(random.next_below(count));
  };
}
Values in_order(std::vector<double> values) {
  return [values = std::move(values), next = std::size_t{0}](core::Random&) mutable {
    return values[next++ % values.size()];
  };
}

InputCase activation(const Shape& shape, Values values, std::int64_t gap) {
  TensorDesc desc = TensorDesc::nhwc(DType::f32, shape);
  desc.pixel_stride += gap;
  return {desc, std::move(values)};
}
InputCase dense(const Shape& shape, Values values, DType dtype) {
  return {TensorDesc::dense(dtype, shape), std::move(values)};
}
InputCase absent() { return {TensorDesc(), normal(), false}; }

std::uint64_t seed_of(const Case& test) { return test.seed + seed_offset(); }

OpHarness::OpHarness() : registry_(ops::op_registry()), backend_(test_backend(2)) {}

const std::set<std::string, std::less<>>& checked_ops() { return checked(); }
void count_as_checked(std::string_view op) { checked().emplace(op); }

void OpHarness::check(const Case& given, const Reference& reference) const {
  const Case test = with_all_inputs(registry_, given);
  checked().insert(test.op);
  BOOST_TEST(check_kernels(test, reference), test.op << ": every kernel declines the case");
  const Case narrow = in_bf16(test);
  if (is_narrow(narrow)) check_bf16(*backend_, narrow, check_kernels(narrow, reference));
}

bool OpHarness::check_kernels(const Case& test, const Reference& reference) const {
  bool taken = false;
  BOOST_TEST_CONTEXT(test.op << (is_narrow(test) ? " in bf16" : "") << " on " << backend_->device()) {
    const CaseData data = make_data(registry_, test);
    const std::vector<HostTensor> expected = expect(test, data, reference);
    const std::vector<KernelEntry> candidates = wide_kernels(*backend_, test.op);
    BOOST_TEST(!candidates.empty());
    for (const KernelEntry& entry : candidates) {
      taken = check_kernel(entry, test, data, expected) || taken;
    }
    check_choice(*backend_, test, data);
    if (!taken && is_narrow(test) && on_gpu()) {
      BOOST_TEST(
          takers_of(**ops::make_cpu_backend(2, ops::with_training_kernels()), test, data, false).empty(),
          "the CPU takes it, and no kernel here");
    }
  }
  return taken;
}

bool OpHarness::check_kernel(const KernelEntry& entry, const Case& test, const CaseData& data,
                             const std::vector<HostTensor>& expected) const {
  bool taken = false;
  std::vector<MemoryTensor> first;
  for (const Variant& variant : variants_of(*backend_, test, data)) {
    BOOST_TEST_CONTEXT(entry.name << ", " << to_string(variant)) {
      std::string declined;
      const Result<std::vector<MemoryTensor>> result =
          run_kernel(*backend_, entry, test, data, variant, declined);
      BOOST_TEST(result.ok(), (result.ok() ? "" : result.status().message()));
      if (!result.ok()) continue;
      if (!declined.empty()) {
        BOOST_TEST_MESSAGE(test.op << ": " << entry.name << " declines: " << declined);
        continue;
      }
      taken = true;
      compare_outputs(data, expected, *result, test);
      if (variant.constant || variant.alias || (!test.same_bits && !on_gpu())) continue;
      if (first.empty()) first = *result;
      for (std::size_t i = 0; i < first.size(); ++i) {
        BOOST_TEST(first[i].same_bits((*result)[i]), "output " << i << " has other bits than before");
      }
    }
  }
  return taken;
}

void OpHarness::check_gradient(const Case& given, const Reference& reference,
                               const GradientOptions& options) const {
  const Case test = with_all_inputs(registry_, given);
  checked().insert(test.op);
  BOOST_TEST_CONTEXT("gradient of " << test.op) {
    const CaseData data = make_data(registry_, test);
    const std::vector<int> by = options.inputs.empty() ? differentiable_inputs(test, data) : options.inputs;
    core::Random random(seed_of(test) + 2, core::RandomPurpose::test);
    const std::vector<HostTensor> seeds = draw_seeds(data, random);
    // The gradients by all of `wrt`; empty where nothing flows.
    const auto backward = [&](const std::vector<int>& wrt) {
      return gradients_of(EagerGraph(registry_, *backend_), registry_, {test, data, seeds}, wrt);
    };
    const Objective objective = [&](const std::vector<HostTensor>& in) {
      std::vector<HostTensor> out(data.def->outputs.size());
      reference(in, out, data.attrs);
      return weighted_sum(out, seeds);
    };
    const std::vector<HostTensor> gradients = backward(by);
    for (std::size_t g = 0; g < by.size(); ++g) {
      const std::size_t input = size(by[g]);
      BOOST_TEST_CONTEXT("by input " << input << " \"" << data.def->input(input).name << "\"") {
        BOOST_REQUIRE(gradients[g].present);
        BOOST_REQUIRE_EQUAL(graphrun::to_string(gradients[g].shape),
                            graphrun::to_string(data.values[input].shape));
        compare_samples({objective, data.values, input}, gradients[g], options, random);
        const std::vector<HostTensor> alone = backward({by[g]});
        BOOST_TEST(alone[0].values == gradients[g].values, "it depends on which gradients are asked for");
      }
    }
  }
}

void OpHarness::check_variant(const Case& given, Form form, const Reference& reference) const {
  const Case test = with_all_inputs(registry_, given);
  checked().insert(test.op);
  BOOST_TEST_CONTEXT(test.op << (form == Form::eval ? " in evaluation" : " in training")) {
    check_rewrite(registry_, *backend_, test, form == Form::eval ? &OpDef::for_eval : &OpDef::for_train,
                  reference);
  }
}

void OpHarness::check_parts(const Case& given, const Reference& reference) const {
  const Case test = with_all_inputs(registry_, given);
  checked().insert(test.op);
  BOOST_TEST_CONTEXT("parts of " << test.op) {
    check_rewrite(registry_, *backend_, test, &OpDef::decomposition, reference);
  }
}

Result<std::vector<ValueType>> OpHarness::infer(const Case& test) const {
  CaseData data;
  GRAPHRUN_TRY(infer_case(registry_, with_all_inputs(registry_, test), data));
  return data.output_types;
}

Result<std::vector<HostTensor>> OpHarness::run(const Case& given) const {
  const Case test = with_all_inputs(registry_, given);
  const CaseData data = make_data(registry_, test);
  for (const KernelEntry& entry : wide_kernels(*backend_, test.op)) {
    std::string declined;
    GRAPHRUN_ASSIGN(
        const std::vector<MemoryTensor> outputs,
        run_kernel(*backend_, entry, test, data, {backend_->threads(), false, {}, false}, declined));
    if (declined.empty()) return read_all(data, outputs);
  }
  return {ErrorCode::unsupported, "every kernel declines " + test.op};
}

std::map<std::string, std::vector<HostTensor>> OpHarness::run_all(const Case& given) const {
  const Case test = with_all_inputs(registry_, given);
  const CaseData data = make_data(registry_, test);
  std::map<std::string, std::vector<HostTensor>> results;
  for (const KernelEntry& entry : wide_kernels(*backend_, test.op)) {
    for (const bool constant : {false, true}) {
      std::string declined;
      const Result<std::vector<MemoryTensor>> outputs =
          run_kernel(*backend_, entry, test, data, {backend_->threads(), constant, {}, false}, declined);
      BOOST_TEST(outputs.ok(), entry.name << ": " << (outputs.ok() ? "" : outputs.status().message()));
      if (!outputs.ok() || !declined.empty()) continue;
      results[std::string(entry.name) + (constant ? ", constant" : "")] = read_all(data, *outputs);
    }
  }
  return results;
}

}  // namespace graphrun::test
