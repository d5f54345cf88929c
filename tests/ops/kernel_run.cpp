#include "tests/ops/kernel_run.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/ops/placed.h"

namespace graphrun::test {
namespace {

std::size_t size(int i) { return static_cast<std::size_t>(i); }

// What a kernel is told of a case.
struct Question {
  std::vector<TensorDesc> inputs;
  std::vector<TensorDesc> outputs;
  std::vector<bool> present;
  std::vector<bool> constant;
};

Question ask(const Case& test, const CaseData& data, const Variant& variant) {
  Question question;
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    const TensorDesc& desc = data.inputs[i].desc();
    const bool here = test.inputs[i].present;
    question.present.push_back(here);
    question.constant.push_back(here && variant.constant && desc.layout == Layout::dense &&
                                desc.dtype == DType::f32);
    question.inputs.push_back(here ? desc : TensorDesc());
  }
  for (std::size_t i = 0; i < data.output_descs.size(); ++i) {
    const bool aliased = variant.alias && size(variant.alias->output) == i;
    const TensorDesc& desc = aliased ? data.inputs[size(variant.alias->input)].desc() : data.output_descs[i];
    question.outputs.push_back(data.wanted[i] ? desc : TensorDesc());
  }
  return question;
}

KernelRequest request(model::Backend& backend, const CaseData& data, const Question& question, int threads) {
  return {*data.def,   data.attrs,        question.inputs, question.outputs, question.present,
          data.wanted, question.constant, threads,         backend.context()};
}

// Where the same run over the same memory gives the same result.
bool is_repeatable(const Case& test, const Variant& variant) {
  return test.updated_inputs.empty() && !variant.alias;
}

Status run(model::Backend& backend, Kernel& kernel, const KernelRun& run, int replays) {
  if (replays == 0) {
    GRAPHRUN_TRY(kernel.run(run));
    return backend.synchronize();
  }
  GRAPHRUN_ASSIGN(const std::unique_ptr<Recording> recording,
                  backend.record([&] { return kernel.run(run); }));
  for (int i = 0; i < replays; ++i) GRAPHRUN_TRY(recording->replay());
  return backend.synchronize();
}

}  // namespace

bool is_narrow(const Case& test) {
  return std::ranges::any_of(test.inputs,
                             [](const InputCase& input) { return input.desc.dtype == DType::bf16; });
}

bool has_variables(const Case& test) {
  return std::ranges::any_of(test.inputs, [](const InputCase& input) {
    return input.present && input.desc.layout == Layout::dense && input.desc.dtype == DType::f32;
  });
}

std::string to_string(const Variant& variant) {
  std::string text = std::to_string(variant.threads) + " threads";
  if (variant.recorded) text += ", recorded";
  if (variant.constant) text += ", constant variables";
  if (variant.alias) {
    text += ", output " + std::to_string(variant.alias->output) + " in input " +
            std::to_string(variant.alias->input);
  }
  return text;
}

std::vector<Variant> variants_of(const model::Backend& backend, const Case& test, const CaseData& data) {
  const bool host = backend.is_host();
  const int threads = host ? 2 : 1;
  std::vector<Variant> variants{{1, false, {}, false}, {threads, false, {}, !host}};
  if (has_variables(test)) variants.push_back({threads, true, {}, !host});
  std::vector<IndexPair> pairs = data.def->in_place;
  pairs.insert(pairs.end(), data.def->updates.begin(), data.def->updates.end());
  for (const IndexPair pair : pairs) {
    if (size(pair.input) >= test.inputs.size() || !test.inputs[size(pair.input)].present) continue;
    const TensorDesc& from = data.inputs[size(pair.input)].desc();
    const TensorDesc& to = data.output_descs[size(pair.output)];
    if (!data.wanted[size(pair.output)] || !(from.shape == to.shape) || from.dtype != to.dtype) continue;
    variants.push_back({threads, false, pair, !host});
  }
  return variants;
}

std::vector<KernelEntry> wide_kernels(const model::Backend& backend, std::string_view op) {
  std::vector<KernelEntry> kernels = backend.candidates(op);
  std::erase_if(kernels, [](const KernelEntry& entry) { return entry.eight_bits; });
  return kernels;
}

std::vector<std::string_view> takers_of(model::Backend& backend, const Case& test, const CaseData& data,
                                        bool constant) {
  const auto lock = backend.lock();
  const Question question = ask(test, data, {.constant = constant});
  std::vector<std::string_view> names;
  for (const KernelEntry& entry : wide_kernels(backend, test.op)) {
    if (entry.prepare(request(backend, data, question, 1)).ok()) names.push_back(entry.name);
  }
  return names;
}

Result<std::vector<MemoryTensor>> run_kernel(model::Backend& backend, const KernelEntry& entry,
                                             const Case& test, const CaseData& data, const Variant& variant,
                                             std::string& declined) {
  const auto lock = backend.lock();
  const Question question = ask(test, data, variant);
  Result<std::unique_ptr<Kernel>> packed = entry.prepare(request(backend, data, question, variant.threads));
  if (!packed.ok() && packed.status().code() == ErrorCode::declined) {
    declined = packed.status().message();
    return std::vector<MemoryTensor>();
  }
  GRAPHRUN_ASSIGN(const std::unique_ptr<Kernel> kernel, std::move(packed));

  std::vector<MemoryTensor> inputs = data.inputs;
  std::vector<MemoryTensor> outputs;
  for (std::size_t i = 0; i < data.output_descs.size(); ++i)
    outputs.emplace_back(data.wanted[i] ? question.outputs[i] : data.output_descs[i]);
  std::vector<MemoryTensor> own;  // scratch, prepared constants
  for (const std::int64_t bytes : {kernel->scratch_bytes(), kernel->packed_bytes()})
    own.emplace_back(TensorDesc::dense(DType::u8, {bytes}));
  GRAPHRUN_ASSIGN(std::vector<Placed> placed_inputs, place(backend, inputs));
  GRAPHRUN_ASSIGN(std::vector<Placed> placed_outputs, place(backend, outputs));
  GRAPHRUN_ASSIGN(std::vector<Placed> placed_own, place(backend, own));

  std::vector<TensorView> input_views;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    input_views.push_back(question.present[i] ? placed_inputs[i].view() : TensorView());
    if (data.def->input(i).shape_only) input_views.back().data = nullptr;
  }
  std::vector<TensorView> output_views;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    output_views.push_back(data.wanted[i] ? placed_outputs[i].view() : TensorView());
  if (variant.alias) {
    output_views[size(variant.alias->output)].data = input_views[size(variant.alias->input)].data;
  }

  const bool has_constants = kernel->packed_bytes() > 0;
  void* const constants = has_constants ? placed_own[1].view().data : nullptr;
  if (has_constants) {
    BOOST_TEST(!kernel->packed_key().empty());
    GRAPHRUN_TRY(kernel->pack_constants(input_views, constants));
    GRAPHRUN_TRY(backend.synchronize());
  }
  const int replays = !variant.recorded ? 0 : is_repeatable(test, variant) ? 2 : 1;
  GRAPHRUN_TRY(
      run(backend, *kernel, {input_views, output_views, placed_own[0].view().data, constants}, replays));
  for (std::vector<Placed>* all : {&placed_inputs, &placed_outputs, &placed_own}) {
    for (Placed& placed : *all) GRAPHRUN_TRY(placed.fetch());
  }

  BOOST_TEST(own[0].gaps_untouched(), "the kernel wrote beside its scratch memory");
  BOOST_TEST(own[1].gaps_untouched(), "the kernel wrote beside its prepared constants");
  if (variant.alias) outputs[size(variant.alias->output)] = inputs[size(variant.alias->input)];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool written = std::ranges::count(test.updated_inputs, static_cast<int>(i)) != 0 ||
                         (variant.alias && size(variant.alias->input) == i);
    if (!written) BOOST_TEST(inputs[i].same_bits(data.inputs[i]), "the kernel wrote into input " << i);
  }
  for (const int i : test.updated_inputs) outputs.push_back(inputs[size(i)]);
  return outputs;
}

}  // namespace graphrun::test
