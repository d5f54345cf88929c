#include "exchange/to_onnx/translation.h"

#include <algorithm>

namespace graphrun::exchange::to_onnx {
namespace {

struct Refusal {
  std::string_view op;
  std::string_view why;
};
constexpr Refusal kRefused[] = {
    {"cross_entropy", "a loss, which only training computes"},
    {"label_boundary", "it is of labels, which only training reads"},
    {"select_label", "it is of labels, which only training reads"},
    {"subsample", "it is for labels, which only training reads"},
    {"weighted_sum", "a sum of losses, which only training computes"},
};

}  // namespace

Result<std::span<const float>> Translation::variable(std::size_t index) const {
  const std::span<const float> values = out_.variable(node_.node.inputs[index]);
  if (values.empty())
    return {ErrorCode::unsupported, std::string(node_.resolved.def->input(index).name) + " is no parameter"};
  return values;
}

Translate find_translation(std::string_view op) {
  for (const auto& table :
       {convolutions(), norms(), activations(), pointwise(), pools(), resampling(), attention()}) {
    const auto found = std::ranges::find(table, op, &TranslationOf::op);
    if (found != table.end()) return found->translate;
  }
  return nullptr;
}

std::string_view refusal(std::string_view op) {
  const auto* const found = std::ranges::find(kRefused, op, &Refusal::op);
  return found == std::end(kRefused) ? std::string_view() : found->why;
}

std::string activated(Translation& node, std::string value) {
  if (node.attrs().text("activation") != "relu") return value;
  return node.out().add("Relu", {std::move(value)});
}

Status needs_sizes(std::string_view why) {
  return {ErrorCode::unsupported,
          std::string(why) + " depends on the size of the image: give --shape N,C,H,W"};
}

std::vector<std::int64_t> numbers(std::span<const Dim> extents) {
  std::vector<std::int64_t> values;
  for (const Dim& dim : extents) values.push_back(dim.constant());
  return values;
}

}  // namespace graphrun::exchange::to_onnx
