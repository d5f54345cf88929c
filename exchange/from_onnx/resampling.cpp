#include <cmath>
#include <numeric>

#include "exchange/from_onnx/node_import.h"

namespace graphrun::exchange::from_onnx {
namespace {

struct Sizes {
  Dim rows;
  Dim columns;
};

// in times scale, where that is a whole number: elsewhere ONNX reads at other places than a size gives.
Result<Dim> scaled_extent(const Dim& in, float scale) {
  constexpr float kMax = 4096;
  if (!(scale >= 1 / kMax && scale <= kMax)) return {ErrorCode::invalid_file, "a scale that is none"};
  if (scale == std::floor(scale)) return in * Dim(static_cast<std::int64_t>(scale));
  const float inverse = std::round(1 / scale);
  const Dim steps(static_cast<std::int64_t>(inverse));
  if (in.is_constant()) {
    const double extent = static_cast<double>(in.constant()) * scale;
    if (std::abs(extent - std::round(extent)) < 1e-4)
      return Dim(static_cast<std::int64_t>(std::round(extent)));
  } else if (1 / inverse == scale && remainder(in, steps) == Dim(0)) {
    return floor_div(in, steps);
  }
  return {ErrorCode::unsupported, "a scale of " + std::to_string(scale) + " for an extent of " +
                                      to_string(in) + ": export it with sizes"};
}

// The axes that sizes and scales are for, by default all.
Result<std::vector<std::size_t>> axes_of(NodeImport& node, const Map& x) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(x.rank));
  std::iota(all.begin(), all.end(), 0);
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> given, node.integer_list("axes", all));
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : given) {
    GRAPHRUN_ASSIGN(axes.emplace_back(), axis_of(axis, x.rank));
  }
  return axes;
}

Result<std::vector<Dim>> target(NodeImport& node, const Map& x) {
  GRAPHRUN_ASSIGN(const std::vector<std::size_t> axes, axes_of(node, x));
  std::vector<Dim> shape = node.type(x).shape;
  if (node.has(3)) {
    GRAPHRUN_ASSIGN(const Integers sizes, node.integers(3));
    if (sizes.elements.size() != axes.size()) return {ErrorCode::invalid_file, "sizes do not fit the rank"};
    for (std::size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = sizes.elements[i];
  } else {
    GRAPHRUN_ASSIGN(const std::vector<float> scales, node.reals(2));
    if (scales.size() != axes.size()) return {ErrorCode::invalid_file, "scales do not fit the rank"};
    for (std::size_t i = 0; i < axes.size(); ++i) {
      GRAPHRUN_ASSIGN(shape[axes[i]], scaled_extent(shape[axes[i]], scales[i]));
    }
  }
  if (is_open_batch(node.extent(x, 0), shape[0])) shape[0] = node.extent(x, 0);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (!(shape[axis] == node.extent(x, axis)))
      return {ErrorCode::unsupported, "images or channels are interpolated, from " +
                                          to_string(node.extent(x, axis)) + " to " + to_string(shape[axis])};
  }
  return shape;
}

// Whether row i of y is row floor(i in/out) of x by this rule. For whole multiples most rules agree on that.
bool reads_rows_from_above(NodeImport& node, const Map& x, const std::vector<Dim>& y,
                           const std::string& coordinates, const std::string& rounding) {
  if (coordinates == "asymmetric" && rounding == "floor") return true;
  const bool by_centre = coordinates == "half_pixel" || coordinates == "pytorch_half_pixel";
  bool whole = true;
  for (std::size_t axis = 2; axis < 4; ++axis) {
    const Dim& in = node.extent(x, axis);
    const Dim& out = y[axis];
    const bool grows = in.is_constant() && out.is_constant() && out.constant() % in.constant() == 0;
    whole = whole && (in == out || grows || remainder(out, in) == Dim(0));
  }
  return whole && by_centre && (rounding == "round_prefer_floor" || rounding == "round_prefer_ceil");
}

Status resize(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  if (x.rank != 4)
    return {ErrorCode::unsupported, "a tensor of rank " + std::to_string(x.rank) + "; 4 is expected"};
  node.has(1);  // a region, which only tf_crop_and_resize reads
  GRAPHRUN_TRY(node.expect("antialias", 0));
  GRAPHRUN_TRY(node.expect("exclude_outside", 0));
  GRAPHRUN_ASSIGN(const std::string policy, node.text("keep_aspect_ratio_policy", "stretch"));
  if (policy != "stretch") return {ErrorCode::unsupported, "keep_aspect_ratio_policy: only stretch is known"};
  GRAPHRUN_ASSIGN(const std::string mode, node.text("mode", "nearest"));
  GRAPHRUN_ASSIGN(const std::string coordinates, node.text("coordinate_transformation_mode", "half_pixel"));
  GRAPHRUN_ASSIGN(const std::string rounding, node.text("nearest_mode", "round_prefer_floor"));
  node.attribute("cubic_coeff_a");        // of cubic alone
  node.attribute("extrapolation_value");  // of tf_crop_and_resize alone
  GRAPHRUN_ASSIGN(const std::vector<Dim> shape, target(node, x));
  if (shape == node.type(x).shape) {
    node.give(x);
    return {};
  }
  AttrMap attrs = {{"size", std::vector<Expr>{to_expr(shape[2]), to_expr(shape[3])}}};
  if (mode == "nearest") {
    if (!reads_rows_from_above(node, x, shape, coordinates, rounding))
      return {ErrorCode::unsupported,
              "nearest by " + coordinates + " and " + rounding +
                  ": known are asymmetric with floor, and half_pixel for whole multiples"};
    attrs["mode"] = std::string("nearest");
  } else if (mode == "linear" && (coordinates == "half_pixel" || coordinates == "pytorch_half_pixel")) {
    attrs["align_corners"] = Expr(0);
  } else if (mode != "linear" || coordinates != "align_corners") {
    return {ErrorCode::unsupported, "mode " + mode + " by " + coordinates +
                                        ": known are nearest, and linear by align_corners or half_pixel"};
  }
  const bool one = shape[2] == Dim(1) || shape[3] == Dim(1);
  if (coordinates == "pytorch_half_pixel" && one)
    return {ErrorCode::unsupported, "pytorch_half_pixel to an extent of 1, which reads the first pixel"};
  GRAPHRUN_ASSIGN(const Map y, node.add("resize", {x}, std::move(attrs)));
  node.give(y);
  return {};
}

constexpr ImportOf kResampling[] = {{"Resize", resize}};

}  // namespace

std::span<const ImportOf> imported_resampling() { return kResampling; }

}  // namespace graphrun::exchange::from_onnx
