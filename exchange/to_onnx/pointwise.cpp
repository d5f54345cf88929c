#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

Status add(Translation& node) {
  node.give(activated(node, node.out().add("Add", {node.input(0), node.input(1)})));
  return {};
}

Status mul(Translation& node) {
  node.give(node.out().add("Mul", {node.input(0), node.input(1)}));
  return {};
}

// The sum of the products of all channels.
Status channel_dot(Translation& node) {
  GraphBuilder& out = node.out();
  const std::string products = out.add("Mul", {node.input(0), node.input(1)});
  node.give(out.add("ReduceSum", {products, out.integers({1})}, {{"keepdims", std::int64_t{1}}}));
  return {};
}

Status scale(Translation& node) {
  const double factor = node.attrs().real("factor") / static_cast<double>(node.attrs().integer("divisor"));
  GraphBuilder& out = node.out();
  node.give(out.add("Mul", {node.input(0), out.real(static_cast<float>(factor))}));
  return {};
}

Status concat(Translation& node) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.input(i));
  node.give(node.out().add("Concat", std::move(inputs), {{"axis", std::int64_t{1}}}));
  return {};
}

Status slice_channels(Translation& node) {
  const std::int64_t begin = node.attrs().integer("begin");
  const std::int64_t end = begin + node.attrs().integer("count");
  GraphBuilder& out = node.out();
  node.give(out.add("Slice", {node.input(0), out.integers({begin}), out.integers({end}), out.integers({1})}));
  return {};
}

Status argmax(Translation& node) {
  GraphBuilder& out = node.out();
  const std::string index =
      out.add("ArgMax", {node.input(0)}, {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
  node.give(out.add("Cast", {index}, {{"to", static_cast<std::int64_t>(onnx::ElementType::i32)}}));
  return {};
}

constexpr TranslationOf kPointwise[] = {
    {"add", add}, {"argmax", argmax}, {"channel_dot", channel_dot},      {"concat", concat},
    {"mul", mul}, {"scale", scale},   {"slice_channels", slice_channels}};

}  // namespace

std::span<const TranslationOf> pointwise() { return kPointwise; }

}  // namespace graphrun::exchange::to_onnx
