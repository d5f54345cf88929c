#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

using Integers = std::vector<std::int64_t>;

float eps_of(Translation& node) { return static_cast<float>(node.attrs().real("eps")); }

Status batch_norm_eval(Translation& node) {
  constexpr std::size_t kResidual = 5;
  GraphBuilder& out = node.out();
  std::string y = out.add("BatchNormalization",
                          {node.input(0), node.input(1), node.input(2), node.input(3), node.input(4)},
                          {{"epsilon", eps_of(node)}});
  if (node.has(kResidual)) y = out.add("Add", {y, node.input(kResidual)});
  node.give(activated(node, y));
  return {};
}

// ONNX's counts from an axis to the last one.
Status layer_norm(Translation& node) {
  GraphBuilder& out = node.out();
  const std::string pixels = out.add("Transpose", {node.input(0)}, {{"perm", Integers{0, 2, 3, 1}}});
  const std::string y = out.add("LayerNormalization", {pixels, node.input(1), node.input(2)},
                                {{"axis", std::int64_t{-1}}, {"epsilon", eps_of(node)}});
  node.give(out.add("Transpose", {y}, {{"perm", Integers{0, 3, 1, 2}}}));
  return {};
}

// Groups are channels of an instance normalisation, which has a weight for each of them; those of channels
// follow it.
Status group_norm(Translation& node) {
  GraphBuilder& out = node.out();
  const std::int64_t groups = node.attrs().integer("groups");
  const std::int64_t channels = node.extent(0, 1).constant();
  const std::string grouped = out.add("Reshape", {node.input(0), out.integers({0, groups, -1})});
  const std::vector<float> ones(static_cast<std::size_t>(groups), 1.0F);
  const std::vector<float> zeros(static_cast<std::size_t>(groups), 0.0F);
  const std::string normal =
      out.add("InstanceNormalization", {grouped, out.reals(ones, {groups}), out.reals(zeros, {groups})},
              {{"epsilon", eps_of(node)}});
  const std::string maps = out.add("Reshape", {normal, out.shape(node.output_type().shape)});
  const std::string per_channel = out.integers({channels, 1, 1});
  const std::string scaled = out.add("Mul", {maps, out.add("Reshape", {node.input(1), per_channel})});
  node.give(out.add("Add", {scaled, out.add("Reshape", {node.input(2), per_channel})}));
  return {};
}

Status layer_scale(Translation& node) {
  GraphBuilder& out = node.out();
  const std::string per_channel = out.integers({node.extent(0, 1).constant(), 1, 1});
  node.give(out.add("Mul", {node.input(0), out.add("Reshape", {node.input(1), per_channel})}));
  return {};
}

constexpr TranslationOf kNorms[] = {{"batch_norm_eval", batch_norm_eval},
                                    {"group_norm", group_norm},
                                    {"layer_norm", layer_norm},
                                    {"layer_scale", layer_scale}};

}  // namespace

std::span<const TranslationOf> norms() { return kNorms; }

}  // namespace graphrun::exchange::to_onnx
