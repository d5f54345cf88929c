#include <algorithm>

#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

using Integers = std::vector<std::int64_t>;

std::vector<onnx::Attribute> window(const Attributes& attrs) {
  const Integers padding = attrs.integers("padding");
  return {{"kernel_shape", attrs.integers("kernel")},
          {"pads", Integers{padding[0], padding[1], padding[0], padding[1]}},
          {"strides", attrs.integers("stride")}};
}

Status max_pool(Translation& node) {
  if (node.wants(1)) return {ErrorCode::unsupported, "index is wanted, which ONNX counts otherwise"};
  node.give(node.out().add("MaxPool", {node.input(0)}, window(node.attrs())));
  return {};
}

Status avg_pool(Translation& node) {
  std::vector<onnx::Attribute> attributes = window(node.attrs());
  attributes.push_back({"count_include_pad", std::int64_t{node.attrs().flag("count_padding")}});
  node.give(node.out().add("AveragePool", {node.input(0)}, std::move(attributes)));
  return {};
}

std::string mean(Translation& node, Integers axes) {
  return node.out().add("ReduceMean", {node.input(0)},
                        {{"axes", std::move(axes)}, {"keepdims", std::int64_t{1}}});
}

Status strip_pool(Translation& node) {
  node.give(mean(node, {node.attrs().text("axis") == "row" ? 3 : 2}));
  return {};
}

// Bin i of `count` takes the elements floor(i in/count) to ceil((i + 1) in/count) - 1 of an axis: the matrix
// of that, (count, in), or its transpose.
std::string bins(GraphBuilder& out, std::int64_t in, std::int64_t count, bool transposed) {
  std::vector<float> matrix(static_cast<std::size_t>(in * count));
  for (std::int64_t bin = 0; bin < count; ++bin) {
    const std::int64_t begin = bin * in / count;
    const std::int64_t end = ((bin + 1) * in + count - 1) / count;
    for (std::int64_t i = begin; i < end; ++i)
      matrix[static_cast<std::size_t>(transposed ? i * count + bin : bin * in + i)] =
          1.0F / static_cast<float>(end - begin);
  }
  return out.reals(matrix, transposed ? Integers{in, count} : Integers{count, in});
}

// Bins of one size are windows; others overlap, and averaging over them is a product with a matrix, axis by
// axis.
Status bins_of_numbers(Translation& node, const Integers& in, const Integers& out_extents) {
  GraphBuilder& out = node.out();
  if (in[0] % out_extents[0] == 0 && in[1] % out_extents[1] == 0) {
    const Integers kernel = {in[0] / out_extents[0], in[1] / out_extents[1]};
    node.give(out.add("AveragePool", {node.input(0)}, {{"kernel_shape", kernel}, {"strides", kernel}}));
    return {};
  }
  std::string y = node.input(0);
  if (in[1] != out_extents[1]) y = out.add("MatMul", {y, bins(out, in[1], out_extents[1], true)});
  if (in[0] != out_extents[0]) y = out.add("MatMul", {bins(out, in[0], out_extents[0], false), y});
  node.give(y);
  return {};
}

Status adaptive_avg_pool(Translation& node) {
  const ValueType& y = node.output_type();
  Integers averaged;  // axes of which one bin is left
  bool known = true;
  bool kept_else = true;  // every other axis is as it was
  for (std::size_t axis = 2; axis < 4; ++axis) {
    const Dim& in = node.extent(0, axis);
    const Dim& count = y.shape[axis];
    if (in == count) continue;
    known = known && in.is_constant() && count.is_constant();
    if (count == Dim(1)) {
      averaged.push_back(static_cast<std::int64_t>(axis));
    } else {
      kept_else = false;
    }
  }
  if (averaged.size() == 2) {
    node.give(node.out().add("GlobalAveragePool", {node.input(0)}));
  } else if (kept_else) {
    node.give(averaged.empty() ? node.out().add("Identity", {node.input(0)}) : mean(node, averaged));
  } else if (known) {
    return bins_of_numbers(node, {node.extent(0, 2).constant(), node.extent(0, 3).constant()},
                           {y.shape[2].constant(), y.shape[3].constant()});
  } else {
    return needs_sizes("which pixels a bin of " + to_string(y.shape[2]) + " x " + to_string(y.shape[3]) +
                       " takes");
  }
  return {};
}

constexpr TranslationOf kPools[] = {{"adaptive_avg_pool", adaptive_avg_pool},
                                    {"avg_pool", avg_pool},
                                    {"max_pool", max_pool},
                                    {"strip_pool", strip_pool}};

}  // namespace

std::span<const TranslationOf> pools() { return kPools; }

}  // namespace graphrun::exchange::to_onnx
