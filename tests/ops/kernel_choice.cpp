#include "tests/ops/kernel_choice.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ops/kernel_run.h"

namespace graphrun::test {
namespace {

// What the CPU computes in f32 alone: a session casts activations before and after it.
constexpr std::string_view kF32Only[] = {
    "argmax",  "cross_entropy_totals", "cross_entropy_grad", "label_probability", "psa_mask", "psa_mask_grad",
    "softmax", "softmax_grad"};

std::string_view kind_of(const model::Backend& backend) { return backend.is_host() ? "cpu" : "cuda"; }

bool has_bf16(const model::Backend& backend) { return backend.check_precision(DType::bf16).ok(); }

std::string joined(const std::vector<std::string_view>& names) {
  std::string all;
  for (const std::string_view name : names) all.append(all.empty() ? "" : ", ").append(name);
  return all.empty() ? "none" : all;
}

void compare(const KernelChoice& choice, const std::vector<std::string_view>& takers) {
  if (choice.names.empty() || takers.empty()) {
    BOOST_TEST((choice.names.empty() && takers.empty()),
               "expected " << joined(choice.names) << " to take it, got " << joined(takers));
    return;
  }
  BOOST_TEST(takers.front() == choice.names.front(),
             "expected " << choice.names.front() << " to be chosen, got " << takers.front());
  for (const std::string_view name : choice.names) {
    BOOST_TEST((std::ranges::find(takers, name) != takers.end()),
               name << " declines the case; it is taken by " << joined(takers));
  }
}

}  // namespace

void check_choice(model::Backend& backend, const Case& test, const CaseData& data) {
  const DType type = is_narrow(test) ? DType::bf16 : DType::f32;
  for (const bool constant : {false, true}) {
    if (constant && !has_variables(test)) continue;
    BOOST_TEST_CONTEXT((constant ? "constant variables" : "variables that change")) {
      const std::vector<std::string_view> takers = takers_of(backend, test, data, constant);
      bool stated = false;
      for (const KernelChoice& choice : test.kernels) {
        if (choice.device != kind_of(backend) || choice.type.value_or(type) != type ||
            choice.constant.value_or(constant) != constant)
          continue;
        stated = true;
        if (choice.type != DType::bf16 || has_bf16(backend)) compare(choice, takers);
      }
      const bool several = backend.is_host() && wide_kernels(backend, test.op).size() > 1;
      BOOST_TEST((stated || !several), "Case::kernels must say which of "
                                           << test.op << "'s kernels take it; these do: " << joined(takers));
    }
  }
}

void check_bf16(const model::Backend& backend, const Case& narrow, bool taken) {
  if (!backend.is_host()) return;
  const bool declined = std::ranges::any_of(narrow.kernels, [](const KernelChoice& choice) {
    return choice.device == "cpu" && choice.type == DType::bf16 && choice.names.empty();
  });
  const bool exempt = declined || std::ranges::find(kF32Only, narrow.op) != std::end(kF32Only);
  const bool by_instructions = std::ranges::any_of(
      narrow.kernels, [](const KernelChoice& choice) { return choice.type == DType::bf16; });
  if (exempt) {
    BOOST_TEST(!taken, narrow.op << " is taken in bf16, and the case or kF32Only says that it is not");
  } else if (!by_instructions || has_bf16(backend)) {
    BOOST_TEST(taken, narrow.op << ": every kernel declines the case in bf16, and kF32Only lists it not");
  }
}

}  // namespace graphrun::test
