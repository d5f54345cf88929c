#pragma once

#include <array>

#include "exchange/from_onnx/node_import.h"

namespace graphrun::exchange::from_onnx {

// The window of a convolution or a pool, by rows and columns. Where ONNX has one axis the other has extent 1.
struct Window {
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 2> begin{};  // padding
  std::array<std::int64_t, 2> end{};
};

// The attributes kernel_shape, strides, dilations, pads and auto_pad. Errors: lists of other lengths, numbers
// that no window has.
Result<Window> window_of(NodeImport& node, const Map& x, std::array<std::int64_t, 2> kernel);

// A convolution has the same padding on both sides here: where the window has not, the kernel gets rows and
// columns of zeros, and both sides the larger padding. Errors: a dilation that these do not fit.
Result<Constant> with_even_padding(NodeImport& node, Window& window, Constant weight);

// That rounding up gives as many outputs as rounding down. Errors: it does not, or the size is not known.
Status require_no_remainder(NodeImport& node, const Map& x, const Window& window);

}  // namespace graphrun::exchange::from_onnx
