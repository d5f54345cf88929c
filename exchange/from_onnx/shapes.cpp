#include <algorithm>
#include <numeric>

#include "exchange/from_onnx/node_import.h"

// What moves elements and does not change them, and computations of shapes.
namespace graphrun::exchange::from_onnx {
namespace {

Status give_integers(NodeImport& node, Integers integers) {
  if (integers.elements.size() > kMaxIntegers)
    return {ErrorCode::unsupported, "more integers than a shape has"};
  node.give(std::move(integers));
  return {};
}

Status identity(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  node.give(*value);
  return {};
}

// Dropout of a network in evaluation.
Status dropout(NodeImport& node) {
  if (node.wants(1)) return {ErrorCode::unsupported, "the mask is wanted"};
  node.attribute("seed");
  node.has(1);
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(const Constant training, node.constant(2));
    if (training->bytes().size() != 1)
      return {ErrorCode::invalid_file, "the mode of training is no single truth value"};
    if (training->bytes()[0] != std::byte{0})
      return {ErrorCode::unsupported, "the network is in training: export it in evaluation"};
  }
  return identity(node);
}

Status constant(NodeImport& node) {
  if (const onnx::Attribute* value = node.attribute("value")) {
    if (const auto* tensor = std::get_if<onnx::Tensor>(&value->value)) {
      node.give(Constant(tensor));
      return {};
    }
  }
  if (node.has_attribute("value_float")) {
    GRAPHRUN_ASSIGN(const float value, node.real("value_float", 0));
    node.give(node.keep(tensor_of({value}, {})));
    return {};
  }
  if (node.has_attribute("value_int")) {
    GRAPHRUN_ASSIGN(const std::int64_t value, node.integer("value_int", 0));
    node.give(Integers{{Dim(value)}, true});
    return {};
  }
  if (node.has_attribute("value_ints")) {
    GRAPHRUN_ASSIGN(const std::vector<std::int64_t> values, node.integer_list("value_ints", {}));
    return give_integers(node, {{values.begin(), values.end()}, false});
  }
  return {ErrorCode::unsupported, "a constant that is neither a tensor nor a number"};
}

// Between real types there is one here; integers stay what they are.
Status cast(NodeImport& node) {
  GRAPHRUN_ASSIGN(const std::int64_t to, node.integer("to", 0));
  node.attribute("saturate");
  const auto type = static_cast<onnx::ElementType>(to);
  const bool real = type == onnx::ElementType::f32 || type == onnx::ElementType::f64 ||
                    type == onnx::ElementType::f16 || type == onnx::ElementType::bf16;
  const bool integer = type == onnx::ElementType::i64 || type == onnx::ElementType::i32;
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  if (std::holds_alternative<Integers>(*value) ? integer : real) return identity(node);
  if (const Constant* tensor = std::get_if<Constant>(value); tensor != nullptr && integer) {
    GRAPHRUN_ASSIGN(Integers integers, node.integers(0));
    node.give(std::move(integers));
    return {};
  }
  return {ErrorCode::unsupported, "to " + std::string(onnx::to_string(type))};
}

Status shape(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  std::vector<Dim> extents;
  if (const Map* map = std::get_if<Map>(value)) {
    const std::vector<Dim>& of_map = node.type(*map).shape;
    extents.assign(of_map.begin(), of_map.begin() + map->rank);
  } else if (const Constant* tensor = std::get_if<Constant>(value)) {
    extents.assign((*tensor)->dims.begin(), (*tensor)->dims.end());
  } else {
    extents = {Dim(std::ssize(std::get<Integers>(*value).elements))};
  }
  const std::int64_t rank = std::ssize(extents);
  GRAPHRUN_ASSIGN(std::int64_t start, node.integer("start", 0));
  GRAPHRUN_ASSIGN(std::int64_t end, node.integer("end", rank));
  start = std::clamp<std::int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<std::int64_t>(end < 0 ? end + rank : end, start, rank);
  return give_integers(node, {{extents.begin() + start, extents.begin() + end}, false});
}

Status gather(NodeImport& node) {
  GRAPHRUN_TRY(node.expect("axis", 0));
  GRAPHRUN_ASSIGN(const Integers from, node.integers(0));
  GRAPHRUN_ASSIGN(const Integers places, node.integers(1));
  Integers result{{}, places.is_scalar};
  for (const Dim& place : places.elements) {
    if (!place.is_constant()) return {ErrorCode::unsupported, "a place that depends on the image's size"};
    GRAPHRUN_ASSIGN(const std::size_t at, axis_of(place.constant(), static_cast<int>(from.elements.size())));
    result.elements.push_back(from.elements[at]);
  }
  return give_integers(node, std::move(result));
}

// A slice is taken of a list of integers alone, by steps of 1.
Status slice(NodeImport& node) {
  if (node.is_map(0))
    return {ErrorCode::unsupported,
            "a part of an activation: split it where it is made, or leave the slice out"};
  GRAPHRUN_ASSIGN(const Integers from, node.integers(0));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> starts, node.numbers(1));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> ends, node.numbers(2));
  std::vector<std::int64_t> axes = {0};
  std::vector<std::int64_t> steps = {1};
  if (node.has(3)) {
    GRAPHRUN_ASSIGN(axes, node.numbers(3));
  }
  if (node.has(4)) {
    GRAPHRUN_ASSIGN(steps, node.numbers(4));
  }
  const std::vector<std::int64_t> first = {0};
  const std::vector<std::int64_t> one = {1};
  if (from.is_scalar || axes != first || steps != one || starts.size() != 1 || ends.size() != 1)
    return {ErrorCode::unsupported, "a slice of a list of integers by another axis or step"};
  const auto place = [count = std::ssize(from.elements)](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? std::max<std::int64_t>(at, -count) + count : at, 0, count);
  };
  const std::int64_t begin = place(starts[0]);
  const std::int64_t end = std::max(begin, place(ends[0]));
  return give_integers(node, {{from.elements.begin() + begin, from.elements.begin() + end}, false});
}

Status concat(NodeImport& node) {
  GRAPHRUN_ASSIGN(const std::int64_t given, node.integer("axis", 0));
  if (node.input_count() == 0) return {ErrorCode::invalid_file, "there are no inputs"};
  if (node.is_map(0)) {
    std::vector<Map> maps;
    for (std::size_t input = 0; input < node.input_count(); ++input) {
      GRAPHRUN_ASSIGN(maps.emplace_back(), node.map(input));
    }
    GRAPHRUN_ASSIGN(const std::size_t axis, axis_of(given, maps[0].rank));
    if (axis != 1)
      return {ErrorCode::unsupported, "along axis " + std::to_string(axis) + "; channels are axis 1"};
    Map y = maps[0];
    if (maps.size() > 1) {
      GRAPHRUN_ASSIGN(y, node.add("concat", maps));
    }
    node.give(y);
    return {};
  }
  Integers all;
  for (std::size_t input = 0; input < node.input_count(); ++input) {
    GRAPHRUN_ASSIGN(const Integers part, node.integers(input));
    all.elements.insert(all.elements.end(), part.elements.begin(), part.elements.end());
    if (all.elements.size() > kMaxIntegers) break;
  }
  return give_integers(node, std::move(all));
}

// Axes as an input; until opset 12 they were an attribute.
Result<std::vector<std::int64_t>> axes_input(NodeImport& node, std::size_t input) {
  if (node.has(input)) return node.numbers(input);
  return std::vector<std::int64_t>{};
}

// Constants and integers change their dims; an activation its rank, where axes at its end come or go.
Status unsqueeze(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> axes, axes_input(node, 1));
  if (const auto* integers = std::get_if<Integers>(value);
      integers != nullptr && integers->is_scalar && axes.size() == 1)
    return give_integers(node, {integers->elements, false});
  if (const auto* tensor = std::get_if<Constant>(value)) {
    std::vector<std::int64_t> dims = (*tensor)->dims;
    const int rank = static_cast<int>(dims.size() + axes.size());
    if (rank > 8) return {ErrorCode::unsupported, "more axes than a tensor has"};
    std::vector<std::size_t> places;
    for (const std::int64_t axis : axes) {
      GRAPHRUN_ASSIGN(places.emplace_back(), axis_of(axis, rank));
    }
    std::ranges::sort(places);
    for (const std::size_t at : places) {
      if (at > dims.size()) return {ErrorCode::invalid_file, "an axis twice"};
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 1);
    }
    node.give(node.keep(with_dims(**tensor, std::move(dims))));
    return {};
  }
  GRAPHRUN_ASSIGN(Map map, node.map(0));
  const int rank = map.rank + static_cast<int>(std::min<std::size_t>(axes.size(), 4));
  for (const std::int64_t axis : axes) {
    GRAPHRUN_ASSIGN(const std::size_t at, axis_of(axis, rank));
    if (static_cast<int>(at) < map.rank || rank > 4)
      return {ErrorCode::unsupported, "a new axis before the last one of an activation"};
  }
  map.rank = rank;
  node.give(map);
  return {};
}

Status squeeze(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> axes, axes_input(node, 1));
  if (const auto* integers = std::get_if<Integers>(value);
      integers != nullptr && integers->elements.size() == 1)
    return give_integers(node, {integers->elements, true});
  GRAPHRUN_ASSIGN(Map map, node.map(0));
  std::vector<bool> removed(static_cast<std::size_t>(map.rank));
  for (const std::int64_t axis : axes) {
    GRAPHRUN_ASSIGN(const std::size_t at, axis_of(axis, map.rank));
    if (!(node.extent(map, at) == Dim(1))) return {ErrorCode::invalid_file, "an axis whose extent is not 1"};
    removed[at] = true;
  }
  const auto count = std::ranges::count(removed, true);
  const bool at_end =
      std::ranges::all_of(removed.end() - count, removed.end(), [](bool gone) { return gone; });
  if (count == 0 || !at_end)
    return {ErrorCode::unsupported, "an axis before the last one of an activation goes"};
  map.rank -= static_cast<int>(count);
  node.give(map);
  return {};
}

// The shape that Reshape asks for: 0 keeps an extent, -1 takes what is left.
Result<std::vector<Dim>> reshaped(const std::vector<Dim>& from, const std::vector<Dim>& asked,
                                  bool zero_keeps) {
  Dim all(1);
  for (const Dim& extent : from) all = all * extent;
  std::vector<Dim> shape;
  Dim known(1);
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Dim extent = asked[i];
    if (extent == Dim(0) && zero_keeps) {
      if (i >= from.size()) return {ErrorCode::invalid_file, "an extent that is to be kept is not there"};
      extent = from[i];
    }
    if (extent == Dim(-1)) {
      if (open) return {ErrorCode::invalid_file, "two extents are left open"};
      open = i;
    } else {
      known = known * extent;
    }
    shape.push_back(extent);
  }
  if (open) {
    if (known == Dim(0)) return {ErrorCode::invalid_file, "an extent of 0"};
    // What is known is usually a part of what is there, whose other extents are what is left.
    shape[*open] = floor_div(all, known);
    for (std::size_t i = 0; i < from.size() && asked.size() == from.size(); ++i) {
      if (i != *open) continue;
      Dim others(1);
      for (std::size_t j = 0; j < from.size(); ++j) others = j == i ? others : others * from[j];
      if (others == known) shape[i] = from[i];
    }
  }
  return shape;
}

// Only axes of 1 at the end may come and go.
Status reshape_map(NodeImport& node, Map map, const std::vector<Dim>& asked, bool zero_keeps) {
  const std::vector<Dim>& stored = node.type(map).shape;
  const std::vector<Dim> from(stored.begin(), stored.begin() + map.rank);
  std::vector<Dim> wanted = asked;
  if (!wanted.empty() && is_open_batch(from[0], wanted[0])) wanted[0] = from[0];
  GRAPHRUN_ASSIGN(const std::vector<Dim> to, reshaped(from, wanted, zero_keeps));
  std::vector<Dim> padded = to;
  padded.resize(std::max<std::size_t>(padded.size(), 4), Dim(1));
  if (to.empty() || padded != stored) {
    std::string text;
    for (const Dim& dim : to) text += (text.empty() ? "" : ", ") + to_string(dim);
    return {ErrorCode::unsupported, "an activation of shape " + to_string(node.type(map)) + " becomes (" +
                                        text + "): rows, columns and channels cannot be mixed here"};
  }
  map.rank = static_cast<int>(to.size());
  node.give(map);
  return {};
}

Status reshape(NodeImport& node) {
  GRAPHRUN_ASSIGN(const std::int64_t allow_zero, node.integer("allowzero", 0));
  GRAPHRUN_ASSIGN(const Value* const value, node.value(0));
  GRAPHRUN_ASSIGN(const Integers asked, node.integers(1));
  if (std::holds_alternative<Map>(*value)) {
    GRAPHRUN_ASSIGN(const Map map, node.map(0));
    return reshape_map(node, map, asked.elements, allow_zero == 0);
  }
  if (const auto* integers = std::get_if<Integers>(value)) {
    if (asked.elements.size() > 1) return {ErrorCode::unsupported, "integers of rank 2"};
    return give_integers(node, {integers->elements, asked.elements.empty()});
  }
  const Constant tensor = std::get<Constant>(*value);
  std::vector<Dim> from(tensor->dims.begin(), tensor->dims.end());
  GRAPHRUN_ASSIGN(const std::vector<Dim> to, reshaped(from, asked.elements, allow_zero == 0));
  onnx::Tensor changed = with_dims(*tensor, {});
  for (const Dim& dim : to) {
    if (!dim.is_constant())
      return {ErrorCode::unsupported, "a constant's shape that depends on the image's size"};
    changed.dims.push_back(dim.constant());
  }
  GRAPHRUN_ASSIGN(const std::int64_t before, tensor->count());
  const auto after = changed.count();
  if (!after.ok() || *after != before) return {ErrorCode::invalid_file, "another number of elements"};
  node.give(node.keep(std::move(changed)));
  return {};
}

// Into two axes, of which the second holds all that come after `axis`.
Status flatten(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map map, node.map(0));
  GRAPHRUN_ASSIGN(const std::int64_t given, node.integer("axis", 1));
  if (given != 1 && given != 1 - map.rank)
    return {ErrorCode::unsupported, "flatten from another axis than 1"};
  return reshape_map(node, map, {node.extent(map, 0), Dim(-1)}, false);
}

// Zeros around an activation, which the convolution after them takes upon itself.
Status pad(NodeImport& node) {
  GRAPHRUN_ASSIGN(Map map, node.map(0));
  GRAPHRUN_ASSIGN(const std::string mode, node.text("mode", "constant"));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> pads, node.numbers(1));
  if (node.has(2)) {
    GRAPHRUN_ASSIGN(const std::vector<float> value, node.reals(2));
    if (value != std::vector<float>{0}) return {ErrorCode::unsupported, "padding with other numbers than 0"};
  }
  if (mode != "constant") return {ErrorCode::unsupported, "padding by " + mode + "; with zeros it is known"};
  std::vector<std::int64_t> axes(static_cast<std::size_t>(map.rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (node.has(3)) {
    GRAPHRUN_ASSIGN(axes, node.numbers(3));
  }
  if (pads.size() != 2 * axes.size()) return {ErrorCode::invalid_file, "pads do not fit the rank"};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    GRAPHRUN_ASSIGN(const std::size_t axis, axis_of(axes[i], map.rank));
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const std::int64_t number = pads[i + side * axes.size()];
      constexpr std::int64_t kMax = 1 << 15;
      if (number < 0 || number > kMax) return {ErrorCode::unsupported, "pads of " + std::to_string(number)};
      if (number > 0 && axis < 2) return {ErrorCode::unsupported, "padding of images or channels"};
      if (axis >= 2) map.padding[axis - 2 + 2 * side] = number;
    }
  }
  node.give(map);
  return {};
}

// Averages over rows, columns, or both. Until opset 17 axes are an attribute, later an input.
Status reduce_mean(NodeImport& node) {
  GRAPHRUN_ASSIGN(const Map x, node.map(0));
  GRAPHRUN_ASSIGN(std::vector<std::int64_t> axes, node.integer_list("axes", {}));
  GRAPHRUN_ASSIGN(const std::int64_t keeps, node.integer("keepdims", 1));
  GRAPHRUN_ASSIGN(const std::int64_t none, node.integer("noop_with_empty_axes", 0));
  if (node.has(1)) {
    GRAPHRUN_ASSIGN(axes, node.numbers(1));
  }
  if (axes.empty() && none != 0) return identity(node);
  if (axes.empty())
    return {ErrorCode::unsupported, "an average over everything; over rows and columns it is known"};
  std::array<bool, 2> averaged{};
  for (const std::int64_t given : axes) {
    GRAPHRUN_ASSIGN(const std::size_t axis, axis_of(given, x.rank));
    if (axis < 2) return {ErrorCode::unsupported, "an average over images or channels"};
    averaged[axis - 2] = true;
  }
  if (keeps == 0 && averaged[0] && !averaged[1] && x.rank == 4)
    return {ErrorCode::unsupported, "rows are averaged and their axis goes: keep it (keepdims)"};
  AttrMap attrs;
  if (averaged[0] == averaged[1] || x.rank == 3) {
    attrs = {{"output", Expr(1)}};
  } else {
    attrs = {{"output", std::vector<Expr>{averaged[0] ? 1 : 0, averaged[1] ? 1 : 0}}};
  }
  GRAPHRUN_ASSIGN(Map y, node.add("adaptive_avg_pool", {x}, std::move(attrs)));
  if (keeps == 0) y.rank -= static_cast<int>(axes.size());
  node.give(y);
  return {};
}

constexpr ImportOf kShapes[] = {{"Cast", cast},
                                {"Concat", concat},
                                {"Constant", constant},
                                {"Dropout", dropout},
                                {"Flatten", flatten},
                                {"Gather", gather},
                                {"Identity", identity},
                                {"Pad", pad},
                                {"ReduceMean", reduce_mean},
                                {"Reshape", reshape},
                                {"Shape", shape},
                                {"Slice", slice},
                                {"Squeeze", squeeze},
                                {"Unsqueeze", unsqueeze}};

}  // namespace

std::span<const ImportOf> imported_shapes() { return kShapes; }

}  // namespace graphrun::exchange::from_onnx
