#include <algorithm>
#include <cmath>

#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

// A map's pixels in one axis: (N, C, H W).
std::string flat(Translation& node, std::size_t input) {
  GraphBuilder& out = node.out();
  return out.add("Reshape", {node.input(input), out.integers({0, 0, -1})});
}

std::string as_map(Translation& node, const std::string& flat_value) {
  GraphBuilder& out = node.out();
  return out.add("Reshape", {flat_value, out.shape(node.output_type().shape)});
}

// Pixels being columns here: y = x a.
Status matmul(Translation& node) {
  node.give(as_map(node, node.out().add("MatMul", {flat(node, 1), flat(node, 0)})));
  return {};
}

// Computes each head's channels, pixels being columns: v softmax(scale k^T q), where a column's sum is 1.
Status attention(Translation& node) {
  if (node.wants(1)) return {ErrorCode::unsupported, "log_sum is wanted, which only training reads"};
  GraphBuilder& out = node.out();
  const std::int64_t heads = node.attrs().integer("heads");
  const auto of_head = [&](std::size_t input) { return node.extent(input, 1).constant() / heads; };
  const auto by_head = [&](std::size_t input) {
    return out.add("Reshape", {node.input(input), out.integers({0, heads, of_head(input), -1})});
  };
  const double given = node.attrs().real("scale");
  const double scale = given == 0 ? 1 / std::sqrt(static_cast<double>(of_head(0))) : given;
  const std::string q = out.add("Mul", {by_head(0), out.real(static_cast<float>(scale))});
  const std::string k = out.add("Transpose", {by_head(1)}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}});
  const std::string weights = out.add("Softmax", {out.add("MatMul", {k, q})}, {{"axis", std::int64_t{2}}});
  node.give(as_map(node, out.add("MatMul", {by_head(2), weights})));
  return {};
}

// Where in x (a mask's places by pixels) the elements of y (pixels by pixels) stand; `outside` where a mask
// does not reach.
std::vector<std::int32_t> places(Translation& node, std::int32_t outside) {
  const std::int64_t height = node.extent(0, 2).constant();
  const std::int64_t width = node.extent(0, 3).constant();
  const std::vector<std::int64_t> mask = node.attrs().integers("mask");
  const bool collect = node.attrs().text("type") == "collect";
  const std::int64_t pixels = height * width;
  std::vector<std::int32_t> all(static_cast<std::size_t>(pixels * pixels), outside);
  for (std::int64_t other = 0; other < pixels; ++other) {
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      const std::int64_t from = collect ? pixel : other;  // whose mask it is
      const std::int64_t to = collect ? other : pixel;
      const std::int64_t row = to / width - from / width + mask[0] / 2;
      const std::int64_t column = to % width - from % width + mask[1] / 2;
      if (row < 0 || row >= mask[0] || column < 0 || column >= mask[1]) continue;
      all[static_cast<std::size_t>(other * pixels + pixel)] =
          static_cast<std::int32_t>((row * mask[1] + column) * pixels + from);
    }
  }
  return all;
}

Status psa_mask(Translation& node) {
  GraphBuilder& out = node.out();
  if (node.attrs().flag("compact")) {  // a mask's places are the pixels already
    std::string masks = flat(node, 0);
    if (node.attrs().text("type") == "distribute")
      masks = out.add("Transpose", {masks}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
    node.give(as_map(node, masks));
    return {};
  }
  const std::vector<Dim>& x = node.input_type(0).shape;
  if (!std::ranges::all_of(x, &Dim::is_constant)) return needs_sizes("where the masks lie");
  constexpr std::int64_t kMaxPixels = 1 << 14;  // 1 GiB of indices
  const std::int64_t count = x[1].constant() * x[2].constant() * x[3].constant();
  if (x[2].constant() * x[3].constant() > kMaxPixels || count >= INT32_MAX)
    return {ErrorCode::unsupported, "indices of a map of this size do not fit into an ONNX file"};
  const auto outside = static_cast<std::int32_t>(count);
  const std::vector<std::int32_t> indices = places(node, outside);
  std::string masks = out.add("Reshape", {node.input(0), out.integers({0, -1})});
  if (std::ranges::find(indices, outside) != indices.end()) {
    const auto batch = static_cast<std::size_t>(x[0].constant());
    masks = out.add("Concat", {masks, out.reals(std::vector<float>(batch), {x[0].constant(), 1})},
                    {{"axis", std::int64_t{1}}});
  }
  const auto bytes = std::as_bytes(std::span(indices));
  const std::string index = out.constant("places", {{},
                                                    onnx::ElementType::i32,
                                                    {std::ssize(indices)},
                                                    std::vector<std::byte>(bytes.begin(), bytes.end())});
  node.give(as_map(node, out.add("Gather", {masks, index}, {{"axis", std::int64_t{1}}})));
  return {};
}

constexpr TranslationOf kAttention[] = {{"attention", attention}, {"matmul", matmul}, {"psa_mask", psa_mask}};

}  // namespace

std::span<const TranslationOf> attention() { return kAttention; }

}  // namespace graphrun::exchange::to_onnx
