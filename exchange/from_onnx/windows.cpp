#include <algorithm>

#include "exchange/from_onnx/node_import.h"
#include "exchange/from_onnx/window.h"

// Convolutions and pools.
namespace graphrun::exchange::from_onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

AttrValue pair_of(const std::array<std::int64_t, 2>& values) {
  if (values[0] == values[1]) return Expr(values[0]);
  return std::vector<Expr>{values[0], values[1]};
}

AttrMap attributes_of(const Window& window) {
  return {{"kernel", pair_of(window.kernel)},
          {"stride", pair_of(window.stride)},
          {"padding", pair_of({window.begin[0], window.begin[1]})},
          {"dilation", pair_of(window.dilation)}};
}

// The weight with rows and columns of 1 where the convolution has one axis, and bias after it.
Result<std::vector<StepVariable>> weights_of(NodeImport& node, Constant weight, std::int64_t channels) {
  std::vector<StepVariable> variables = {{1, weight}};
  if (!node.has(2)) return variables;
  GRAPHRUN_ASSIGN(Constant bias, node.weight(2));
  if (bias->dims != Numbers{channels})
    return {ErrorCode::invalid_file, "the bias has another shape than (O)"};
  variables.push_back({2, bias});
  return variables;
}

Result<Constant> square_weight(NodeImport& node, int rank) {
  GRAPHRUN_ASSIGN(const Constant weight, node.weight(1));
  if (static_cast<int>(weight->dims.size()) != rank)
    return {ErrorCode::invalid_file, "weight and activation have different ranks"};
  if (rank == 4) return weight;
  std::vector<std::int64_t> dims = weight->dims;
  dims.push_back(1);
  return node.keep(with_dims(*weight, std::move(dims)));
}

Status conv(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.padded_map(0));
  if (x.rank < 3) return {ErrorCode::unsupported, "a convolution without rows and columns"};
  GRAPHRUN_ASSIGN(Constant weight, square_weight(node, x.rank));
  GRAPHRUN_ASSIGN(Window window, window_of(node, x, {weight->dims[2], weight->dims[3]}));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    window.begin[axis] += x.padding[axis];
    window.end[axis] += x.padding[axis + 2];
  }
  GRAPHRUN_ASSIGN(weight, with_even_padding(node, window, weight));
  GRAPHRUN_ASSIGN(const std::int64_t groups, node.integer("group", 1));
  const std::int64_t channels = weight->dims[0];
  GRAPHRUN_ASSIGN(std::vector<StepVariable> variables, weights_of(node, weight, channels));
  AttrMap attrs = attributes_of(window);
  attrs["groups"] = Expr(groups);
  attrs["out_channels"] = Expr(channels);
  attrs["bias"] = Expr(static_cast<int>(variables.size()) - 1);
  GRAPHRUN_ASSIGN(const Map y, node.add("conv2d", {x}, std::move(attrs), std::move(variables)));
  node.give(y);
  return {};
}

Status conv_transpose(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  if (x.rank < 3) return {ErrorCode::unsupported, "a convolution without rows and columns"};
  GRAPHRUN_ASSIGN(Constant weight, square_weight(node, x.rank));
  if (node.has_attribute("output_shape"))
    return {ErrorCode::unsupported, "output_shape: export it with pads and output_padding"};
  // Which padding that means, the format says otherwise than for a convolution.
  GRAPHRUN_ASSIGN(const std::string rule, node.text("auto_pad", "NOTSET"));
  if (rule != "NOTSET" && rule != "VALID") return {ErrorCode::unsupported, "auto_pad: export it with pads"};
  GRAPHRUN_ASSIGN(Window window, window_of(node, x, {weight->dims[2], weight->dims[3]}));
  GRAPHRUN_ASSIGN(Numbers more,
                  node.integer_list("output_padding", Numbers(static_cast<std::size_t>(x.rank) - 2)));
  more.resize(2);
  constexpr std::int64_t kMax = 1 << 16;
  if (std::ranges::min(more) < 0 || std::ranges::max(more) > kMax)
    return {ErrorCode::invalid_file, "output_padding that is none"};
  // Less padding at the end is more output there.
  for (std::size_t axis = 0; axis < 2; ++axis) more[axis] += window.begin[axis] - window.end[axis];
  if (std::ranges::min(more) < 0)
    return {ErrorCode::unsupported,
            "more padding at the end than at the beginning and output_padding make up for"};
  GRAPHRUN_ASSIGN(const std::int64_t groups, node.integer("group", 1));
  if (groups < 1 || weight->dims[1] > (std::int64_t{1} << 40) / groups)
    return {ErrorCode::invalid_file, "groups do not fit the weight"};
  const std::int64_t channels = weight->dims[1] * groups;
  GRAPHRUN_ASSIGN(std::vector<StepVariable> variables, weights_of(node, weight, channels));
  AttrMap attrs = attributes_of(window);
  attrs["output_padding"] = pair_of({more[0], more[1]});
  attrs["groups"] = Expr(groups);
  attrs["out_channels"] = Expr(channels);
  attrs["bias"] = Expr(static_cast<int>(variables.size()) - 1);
  GRAPHRUN_ASSIGN(const Map y, node.add("conv_transpose2d", {x}, std::move(attrs), std::move(variables)));
  node.give(y);
  return {};
}

Result<Window> pool_window(NodeImport& node, const Map& x) {
  if (x.rank < 3) return {ErrorCode::unsupported, "a pool without rows and columns"};
  GRAPHRUN_ASSIGN(Numbers kernel, node.integer_list("kernel_shape", {}));
  if (static_cast<int>(kernel.size()) != x.rank - 2)
    return {ErrorCode::invalid_file, "kernel_shape does not fit"};
  kernel.resize(2, 1);
  GRAPHRUN_ASSIGN(const Window window, window_of(node, x, {kernel[0], kernel[1]}));
  GRAPHRUN_ASSIGN(const std::int64_t up, node.integer("ceil_mode", 0));
  if (up != 0) GRAPHRUN_TRY(require_no_remainder(node, x, window));
  if (window.begin != window.end)
    return {ErrorCode::unsupported, "padding of " + std::to_string(window.begin[0]) + ", " +
                                        std::to_string(window.begin[1]) + " before and " +
                                        std::to_string(window.end[0]) + ", " + std::to_string(window.end[1]) +
                                        " after: a pool has the same on both sides"};
  if (window.dilation != std::array<std::int64_t, 2>{1, 1})
    return {ErrorCode::unsupported, "a pool with dilation"};
  return window;
}

Status max_pool(NodeImport& node) {
  if (node.wants(1)) return {ErrorCode::unsupported, "the indices of the largest values are wanted"};
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Window window, pool_window(node, x));
  GRAPHRUN_TRY(node.expect("storage_order", 0));
  AttrMap attrs = attributes_of(window);
  attrs.erase("dilation");
  GRAPHRUN_ASSIGN(const Map y, node.add("max_pool", {x}, std::move(attrs)));
  node.give(y);
  return {};
}

Status average_pool(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(const Window window, pool_window(node, x));
  GRAPHRUN_ASSIGN(const std::int64_t count_padding, node.integer("count_include_pad", 0));
  AttrMap attrs = attributes_of(window);
  attrs.erase("dilation");
  const bool padded = window.begin != std::array<std::int64_t, 2>{};
  if (padded) attrs["count_padding"] = Expr(count_padding != 0 ? 1 : 0);
  GRAPHRUN_ASSIGN(const Map y, node.add("avg_pool", {x}, std::move(attrs)));
  node.give(y);
  return {};
}

Status global_average_pool(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  if (x.rank < 3) return {ErrorCode::unsupported, "a pool without rows and columns"};
  GRAPHRUN_ASSIGN(const Map y, node.add("adaptive_avg_pool", {x}, {{"output", Expr(1)}}));
  node.give(y);
  return {};
}

constexpr ImportOf kWindows[] = {{"AveragePool", average_pool},
                                 {"Conv", conv},
                                 {"ConvTranspose", conv_transpose},
                                 {"GlobalAveragePool", global_average_pool},
                                 {"MaxPool", max_pool}};

}  // namespace

std::span<const ImportOf> imported_windows() { return kWindows; }

}  // namespace graphrun::exchange::from_onnx
