#include "exchange/from_onnx/window.h"

#include <algorithm>
#include <cstring>

namespace graphrun::exchange::from_onnx {
namespace {

using Numbers = std::vector<std::int64_t>;
constexpr std::int64_t kMaxNumber = 1 << 16;  // as ops take them

// The numbers of a list by rows and columns; `least`, `otherwise`: what they are at least, and where the list
// or the second axis is missing.
Result<std::array<std::int64_t, 2>> pair_of(NodeImport& node, std::string_view name, std::size_t axes,
                                            std::int64_t least) {
  GRAPHRUN_ASSIGN(Numbers list, node.integer_list(name, Numbers(axes, 1)));
  if (list.size() != axes) return {ErrorCode::invalid_file, std::string(name) + " does not fit the rank"};
  list.resize(2, 1);
  for (const std::int64_t number : list) {
    if (number < least || number > kMaxNumber)
      return {ErrorCode::invalid_file, std::string(name) + " = " + std::to_string(number)};
  }
  return std::array{list[0], list[1]};
}

// Zeros so that there are ceil(extent/stride) outputs.
Status same_padding(NodeImport& node, const Map& x, std::size_t axis, bool more_at_end, Window& window) {
  const std::int64_t reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
  const std::int64_t stride = window.stride[axis];
  const Dim& extent = node.extent(x, axis + 2);
  if (stride > 1 && !extent.is_constant())
    return {ErrorCode::unsupported, "auto_pad depends on the image's size: export it for a fixed size"};
  std::int64_t total = reach - stride;
  if (extent.is_constant()) {
    const std::int64_t count = (extent.constant() - 1) / stride + 1;
    total = (count - 1) * stride + reach - extent.constant();
  }
  total = std::max<std::int64_t>(total, 0);
  window.begin[axis] = more_at_end ? total / 2 : total - total / 2;
  window.end[axis] = total - window.begin[axis];
  return {};
}

Status pad(NodeImport& node, const Map& x, std::size_t axes, Window& window) {
  GRAPHRUN_ASSIGN(const std::string rule, node.text("auto_pad", "NOTSET"));
  GRAPHRUN_ASSIGN(const Numbers pads, node.integer_list("pads", Numbers(2 * axes)));
  if (pads.size() != 2 * axes) return {ErrorCode::invalid_file, "pads do not fit the rank"};
  for (const std::int64_t number : pads) {
    if (number < 0 || number > kMaxNumber)
      return {ErrorCode::unsupported, "pads of " + std::to_string(number)};
  }
  if (rule == "NOTSET") {
    for (std::size_t axis = 0; axis < axes; ++axis) {
      window.begin[axis] = pads[axis];
      window.end[axis] = pads[axis + axes];
    }
    return {};
  }
  if (rule == "VALID") return {};
  if (rule != "SAME_UPPER" && rule != "SAME_LOWER")
    return {ErrorCode::invalid_file, "auto_pad is none that there is"};
  for (std::size_t axis = 0; axis < axes; ++axis)
    GRAPHRUN_TRY(same_padding(node, x, axis, rule == "SAME_UPPER", window));
  return {};
}

}  // namespace

Result<Window> window_of(NodeImport& node, const Map& x, std::array<std::int64_t, 2> kernel) {
  const auto axes = static_cast<std::size_t>(x.rank) - 2;
  Window window;
  window.kernel = kernel;
  for (const std::int64_t number : kernel) {
    if (number < 1 || number > kMaxNumber) return {ErrorCode::invalid_file, "a kernel of no extent"};
  }
  GRAPHRUN_ASSIGN(Numbers stated,
                  node.integer_list("kernel_shape", Numbers(kernel.begin(), kernel.begin() + axes)));
  stated.resize(2, 1);
  if (stated != Numbers(kernel.begin(), kernel.end()))
    return {ErrorCode::invalid_file, "kernel_shape is not that of the weight"};
  GRAPHRUN_ASSIGN(window.stride, pair_of(node, "strides", axes, 1));
  GRAPHRUN_ASSIGN(window.dilation, pair_of(node, "dilations", axes, 1));
  GRAPHRUN_TRY(pad(node, x, axes, window));
  return window;
}

Result<Constant> with_even_padding(NodeImport& node, Window& window, Constant weight) {
  std::array<std::int64_t, 2> before{};  // rows and columns of zeros
  std::array<std::int64_t, 2> after{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t more = window.end[axis] - window.begin[axis];
    if (more % window.dilation[axis] != 0)
      return {ErrorCode::unsupported, "padding that differs by less than the dilation"};
    before[axis] = std::max<std::int64_t>(more, 0) / window.dilation[axis];
    after[axis] = std::max<std::int64_t>(-more, 0) / window.dilation[axis];
    window.begin[axis] = window.end[axis] = std::max(window.begin[axis], window.end[axis]);
  }
  if (before == after) return weight;
  const std::vector<std::int64_t>& dims = weight->dims;
  const std::array<std::int64_t, 2> kernel = {dims[2] + before[0] + after[0], dims[3] + before[1] + after[1]};
  constexpr std::int64_t kMaxGrowth = 4;  // of a large kernel
  constexpr std::size_t kLargeBytes = std::size_t{1} << 20;
  const bool large = weight->bytes().size() > kLargeBytes;
  if (kernel[0] * kernel[1] > (large ? kMaxGrowth : 16 * kMaxGrowth) * dims[2] * dims[3])
    return {ErrorCode::unsupported, "padding that is much larger on one side than on the other"};
  GRAPHRUN_ASSIGN(const std::vector<float> from, reals_of(*weight));
  const auto filters = static_cast<std::int64_t>(from.size()) / (dims[2] * dims[3]);
  std::vector<float> values(static_cast<std::size_t>(filters * kernel[0] * kernel[1]));
  for (std::int64_t row = 0; row < filters * dims[2]; ++row) {
    const std::int64_t to_row = row / dims[2] * kernel[0] + row % dims[2] + before[0];
    std::copy_n(from.begin() + row * dims[3], dims[3], values.begin() + to_row * kernel[1] + before[1]);
  }
  window.kernel = kernel;
  return node.keep(tensor_of(values, {dims[0], dims[1], kernel[0], kernel[1]}));
}

Status require_no_remainder(NodeImport& node, const Map& x, const Window& window) {
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (window.stride[axis] == 1) continue;
    const Dim& extent = node.extent(x, axis + 2);
    const std::int64_t padding = window.begin[axis] + window.end[axis];
    const std::int64_t reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    if (!extent.is_constant())
      return {ErrorCode::unsupported, "ceil_mode depends on the image's size: export it for a fixed size"};
    const std::int64_t rest = (extent.constant() + padding - reach) % window.stride[axis];
    // A window that would begin in the padding at the end is none.
    const std::int64_t last = (extent.constant() + padding - reach) / window.stride[axis] + 1;
    if (rest != 0 && last * window.stride[axis] < extent.constant() + window.begin[axis])
      return {ErrorCode::unsupported, "ceil_mode: windows that reach over the end are left out here"};
  }
  return {};
}

}  // namespace graphrun::exchange::from_onnx
