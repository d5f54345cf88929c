#pragma once

#include "tests/ops/harness.h"
#include "tests/ops/resampling.h"

// Cases of ops that sum over labelled pixels: losses, their sums and gradients.
namespace graphrun::test {

// Logits of standard deviation `spread` with a label map of h x w, of whose pixels `share` are ignored.
inline Case labelled_case(const char* op, const Shape& logits, std::int64_t h, std::int64_t w, double share,
                          std::uint32_t labels, double spread) {
  return {.op = op,
          .inputs = {activation(logits, normal(0, spread), 3),
                     dense({logits[0], h, w}, integers(labels, share), DType::i32)},
          .tolerance = 1e-6};
}
inline Case labelled_case(const char* op, const Shape& logits, std::int64_t h, std::int64_t w, double share) {
  return labelled_case(op, logits, h, w, share, static_cast<std::uint32_t>(logits[1]), 2);
}

// Of sums from logits of another size than the label's and of their gradient, which `grad_of` makes a case
// for, by every rule of interpolation: the whole and its parts.
template <class GradOf>
void check_resized_sums(Case totals, const Reference& reference, const GradOf& grad_of,
                        const Reference& grad_reference) {
  const OpHarness harness;
  for (const AttrMap& rule : interpolation_rules()) {
    totals.attrs = rule;
    harness.check(totals, reference);
    harness.check_parts(totals, reference);
    const Case grad = grad_of(totals);
    harness.check(grad, grad_reference);
    harness.check_parts(grad, grad_reference);
  }
}

}  // namespace graphrun::test
