#include <algorithm>

#include "exchange/from_onnx/node_import.h"

namespace graphrun::exchange::from_onnx {
namespace {

Status batch_norm(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_TRY(node.expect("training_mode", 0));
  GRAPHRUN_ASSIGN(const float eps, node.real("epsilon", 1e-5F));
  GRAPHRUN_ASSIGN(const float kept, node.real("momentum", 0.9F));
  std::vector<StepVariable> variables;
  for (std::size_t input = 1; input <= 4; ++input) {
    GRAPHRUN_ASSIGN(Constant tensor, node.weight(input));
    variables.push_back({input, std::move(tensor)});
  }
  // ONNX's momentum is the part that stays; what exporters of networks in evaluation write is no use in
  // training.
  AttrMap attrs = {{"eps", Expr(readable(eps))}};
  if (kept < 1) attrs["momentum"] = Expr(readable(1 - kept));
  GRAPHRUN_ASSIGN(const Map y, node.add("batch_norm", {x}, std::move(attrs), std::move(variables)));
  node.give(y);
  return {};
}

Result<Map> normalised_by_group(NodeImport& node, const Map& x, std::int64_t groups, float eps,
                                const std::vector<float>& weight, const std::vector<float>& bias) {
  const Dim& channels = node.extent(x, 1);
  if (!channels.is_constant() || channels.constant() != std::ssize(weight) || weight.size() != bias.size())
    return {ErrorCode::unsupported, "scale and bias are expected to have a number for each channel"};
  const std::vector<std::int64_t> dims = {channels.constant()};
  return node.add("group_norm", {x}, {{"eps", Expr(readable(eps))}, {"groups", Expr(groups)}},
                  {{1, node.keep(tensor_of(weight, dims))}, {2, node.keep(tensor_of(bias, dims))}});
}

Status instance_norm(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const float eps, node.real("epsilon", 1e-5F));
  GRAPHRUN_ASSIGN(const std::vector<float> weight, node.reals(1));
  GRAPHRUN_ASSIGN(const std::vector<float> bias, node.reals(2));
  GRAPHRUN_ASSIGN(const Map y, normalised_by_group(node, x, std::ssize(weight), eps, weight, bias));
  node.give(y);
  return {};
}

// Until opset 20 scale and bias have a number for each group, later for each channel.
Status group_norm(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const float eps, node.real("epsilon", 1e-5F));
  GRAPHRUN_ASSIGN(const std::int64_t groups, node.integer("num_groups", 0));
  GRAPHRUN_ASSIGN(std::vector<float> weight, node.reals(1));
  GRAPHRUN_ASSIGN(std::vector<float> bias, node.reals(2));
  GRAPHRUN_ASSIGN(const std::int64_t stash, node.integer("stash_type", 1));
  if (stash != 1) return {ErrorCode::unsupported, "statistics in another type than float"};
  const Dim& channels = node.extent(x, 1);
  constexpr std::int64_t kMaxChannels = 1 << 20;
  const bool divides = channels.is_constant() && channels.constant() <= kMaxChannels && groups > 0 &&
                       channels.constant() % groups == 0;
  if (node.opset() < 21 && divides && std::ssize(weight) == groups && std::ssize(bias) == groups) {
    const auto of_group = static_cast<std::size_t>(channels.constant() / groups);
    for (auto* values : {&weight, &bias}) {
      std::vector<float> repeated;
      for (const float value : *values) repeated.insert(repeated.end(), of_group, value);
      *values = std::move(repeated);
    }
  }
  GRAPHRUN_ASSIGN(const Map y, normalised_by_group(node, x, groups, eps, weight, bias));
  node.give(y);
  return {};
}

constexpr ImportOf kNorms[] = {{"BatchNormalization", batch_norm},
                               {"GroupNormalization", group_norm},
                               {"InstanceNormalization", instance_norm}};

}  // namespace

std::span<const ImportOf> imported_norms() { return kNorms; }

}  // namespace graphrun::exchange::from_onnx
