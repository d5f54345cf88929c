#include "exchange/to_onnx/translation.h"

namespace graphrun::exchange::to_onnx {
namespace {

// Row i of y is row floor(i in/out) of x, by whole numbers: a quotient of floats can come out just below.
std::string nearest_rows(GraphBuilder& out, const Dim& in, const Dim& size) {
  if (in.is_constant() && size.is_constant()) {
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < size.constant(); ++i) rows.push_back(i * in.constant() / size.constant());
    return out.integers(rows);
  }
  const Dim extents[] = {in, size};
  const std::string both = out.shape(extents);
  const std::string from = out.add("Gather", {both, out.integers({0})});
  const std::string to = out.add("Gather", {both, out.integers({1})});
  const auto scalar = [&out](const std::string& value) {
    return out.add("Squeeze", {value, out.integers({0})});
  };
  const std::string zero = scalar(out.integers({0}));
  const std::string one = scalar(out.integers({1}));
  const std::string count = out.add("Range", {zero, scalar(to), one});
  return out.add("Div", {out.add("Mul", {count, from}), to});
}

std::string nearest(Translation& node) {
  GraphBuilder& out = node.out();
  std::string y = node.input(0);
  for (std::size_t axis = 2; axis < 4; ++axis) {
    const Dim& in = node.extent(0, axis);
    const Dim& size = node.output_type().shape[axis];
    if (in == size) continue;
    y = out.add("Gather", {y, nearest_rows(out, in, size)}, {{"axis", static_cast<std::int64_t>(axis)}});
  }
  return y;
}

// Multiples are what runtimes are fast at, and no quotient is rounded in them.
bool is_multiple(const Dim& in, const Dim& size) {
  return in.is_constant() && size.is_constant() && size.constant() % in.constant() == 0;
}

Status resize(Translation& node) {
  GraphBuilder& out = node.out();
  const std::vector<Dim>& x = node.input_type(0).shape;
  const std::vector<Dim>& y = node.output_type().shape;
  if (x == y) {
    node.give(out.add("Identity", {node.input(0)}));
    return {};
  }
  const bool is_nearest = node.attrs().text("mode") == "nearest";
  if (is_nearest && !(is_multiple(x[2], y[2]) && is_multiple(x[3], y[3]))) {
    node.give(nearest(node));
    return {};
  }
  std::vector<onnx::Attribute> attributes;
  if (is_nearest) {
    attributes = {
        {"coordinate_transformation_mode", "asymmetric"}, {"mode", "nearest"}, {"nearest_mode", "floor"}};
  } else {
    const char* const rule = node.attrs().flag("align_corners") ? "align_corners" : "half_pixel";
    attributes = {{"coordinate_transformation_mode", rule}, {"mode", "linear"}};
  }
  node.give(out.add("Resize", {node.input(0), "", "", out.shape(y)}, std::move(attributes)));
  return {};
}

constexpr TranslationOf kResampling[] = {{"resize", resize}};

}  // namespace

std::span<const TranslationOf> resampling() { return kResampling; }

}  // namespace graphrun::exchange::to_onnx
