#include "exchange/to_onnx/graph_builder.h"

#include <algorithm>
#include <cstring>

namespace graphrun::exchange::to_onnx {
namespace {

constexpr std::size_t kSmallBytes = 4096;

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

// Identifies a constant: equal keys, equal tensors.
std::string key_of(const onnx::Tensor& tensor) {
  std::string key = std::to_string(static_cast<int>(tensor.type));
  for (const std::int64_t dim : tensor.dims) key += "," + std::to_string(dim);
  key += ":";
  const std::span<const std::byte> bytes = tensor.bytes();
  return key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string_view op_of(ExprOp op) {
  switch (op) {
    case ExprOp::add:
      return "Add";
    case ExprOp::subtract:
      return "Sub";
    case ExprOp::multiply:
      return "Mul";
    case ExprOp::divide:  // rounds towards 0: extents and what they are made of are not negative
      return "Div";
    case ExprOp::modulo:
      return "Mod";
    case ExprOp::minimum:
      return "Min";
    case ExprOp::maximum:
      return "Max";
    default:  // to_expr() of a Dim uses no other
      return {};
  }
}

}  // namespace

onnx::ElementType element_type(DType type) {
  switch (type) {
    case DType::f32:
      return onnx::ElementType::f32;
    case DType::bf16:
      return onnx::ElementType::bf16;
    case DType::f16:
      return onnx::ElementType::f16;
    case DType::f64:
      return onnx::ElementType::f64;
    case DType::i32:
      return onnx::ElementType::i32;
    case DType::i64:
      return onnx::ElementType::i64;
    case DType::u8:
      return onnx::ElementType::u8;
    case DType::s8:
      return onnx::ElementType::i8;
  }
  return onnx::ElementType::f32;
}

GraphBuilder::GraphBuilder(const BasicGraph& from, const model::Model& model, const weights::Weights& weights,
                           bool eight_bits)
    : from_(from),
      weights_(weights),
      eight_bits_(eight_bits),
      names_(from.values.size()),
      quantisations_(from.values.size()) {
  graph_.name = model.name.empty() ? "graph" : model.name;
  graph_.doc = model.doc;
}

std::string GraphBuilder::unique(const std::string& name) {
  std::string candidate = name;
  for (int number = 2; !taken_.insert(candidate).second; ++number)
    candidate = name + "_" + std::to_string(number);
  return candidate;
}

std::string GraphBuilder::add(std::string_view op, std::vector<std::string> inputs,
                              std::vector<onnx::Attribute> attributes) {
  std::string name = unique(scope_ + "/" + std::string(op));
  graph_.nodes.push_back({std::string(op), std::move(inputs), {name}, std::move(attributes), name, {}});
  return name;
}

std::string GraphBuilder::name_of(ValueId value) {
  std::string& name = at(names_, value);
  const model::Value& origin = at(from_.values, value);
  if (!name.empty() || origin.origin != model::Origin::variable) return name;
  const TensorView& view = weights_.variable(static_cast<std::size_t>(origin.index));
  onnx::Tensor tensor;
  tensor.name = name = unique(origin.name);
  tensor.type = element_type(view.desc.dtype);
  tensor.dims.assign(view.desc.shape.extents().begin(), view.desc.shape.extents().end());
  tensor.content =
      std::span(static_cast<const std::byte*>(view.data), static_cast<std::size_t>(view.desc.bytes()));
  graph_.initializers.push_back(std::move(tensor));
  return name;
}

std::string GraphBuilder::replaced(ValueId variable, onnx::Tensor tensor) {
  tensor.name = unique(at(from_.values, variable).name);
  graph_.initializers.push_back(std::move(tensor));
  return graph_.initializers.back().name;
}

std::span<const float> GraphBuilder::variable(ValueId value) const {
  const model::Value& origin = at(from_.values, value);
  if (origin.origin != model::Origin::variable) return {};
  const TensorView& view = weights_.variable(static_cast<std::size_t>(origin.index));
  if (view.data == nullptr || view.desc.dtype != DType::f32) return {};
  return {view.as<const float>(), static_cast<std::size_t>(view.desc.shape.count())};
}

const TensorView* GraphBuilder::eight_bits(ValueId value) const {
  const model::Value& origin = at(from_.values, value);
  if (!eight_bits_ || origin.origin != model::Origin::variable) return nullptr;
  const auto index = static_cast<std::size_t>(origin.index);
  return weights_.quantised().variables[index] ? &weights_.eight_bits(index) : nullptr;
}

void GraphBuilder::quantise(ValueId value, const Quantisation& q) {
  const std::string scale = real(q.scale);
  const auto zero_point = static_cast<std::byte>(q.zero_point);
  const std::string zero =
      constant("zero_point", {{}, onnx::ElementType::u8, {}, std::vector<std::byte>{zero_point}});
  const std::string integers = add("QuantizeLinear", {name_of(value), scale, zero});
  set_name(value, add("DequantizeLinear", {integers, scale, zero}));
  at(quantisations_, value) = q;
}

std::string GraphBuilder::constant(std::string_view suffix, onnx::Tensor tensor) {
  const bool in_memory = !std::holds_alternative<onnx::WrittenLater>(tensor.content);
  const bool small = in_memory && tensor.bytes().size() <= kSmallBytes;
  const std::string key = small ? key_of(tensor) : "";
  if (const auto known = constants_.find(key); small && known != constants_.end()) return known->second;
  tensor.name = unique(scope_ + "/" + std::string(suffix));
  graph_.initializers.push_back(std::move(tensor));
  const std::string& name = graph_.initializers.back().name;
  if (small) constants_.emplace(key, name);
  return name;
}

std::string GraphBuilder::integers(const std::vector<std::int64_t>& values) {
  return constant("integers", {{}, onnx::ElementType::i64, {std::ssize(values)}, bytes_of(values)});
}

std::string GraphBuilder::reals(const std::vector<float>& values, std::vector<std::int64_t> dims) {
  return constant("reals", {{}, onnx::ElementType::f32, std::move(dims), bytes_of(values)});
}

std::string GraphBuilder::shape(std::span<const Dim> extents) {
  if (std::ranges::all_of(extents, &Dim::is_constant)) {
    std::vector<std::int64_t> numbers;
    for (const Dim& dim : extents) numbers.push_back(dim.constant());
    return integers(numbers);
  }
  std::vector<std::string> parts;
  for (const Dim& dim : extents) parts.push_back(extent(dim));
  return add("Concat", std::move(parts), {{"axis", std::int64_t{0}}});
}

std::string GraphBuilder::extent(const Dim& dim) {
  if (dim.is_constant()) return integers({dim.constant()});
  const std::string text = to_string(dim);
  const auto known = extents_.find(text);
  if (known != extents_.end()) return known->second;
  std::string name = computed(to_expr(dim));
  extents_.emplace(text, name);
  return name;
}

// Every symbol is an extent of an input: resolution would have found no number for it.
std::string GraphBuilder::symbol(const std::string& name) {
  const auto known = extents_.find(name);
  if (known != extents_.end()) return known->second;
  std::string value;
  for (const onnx::ValueInfo& input : graph_.inputs) {
    const auto axis = std::ranges::find(input.shape, onnx::Extent(name)) - input.shape.begin();
    if (axis == std::ssize(input.shape)) continue;
    value = add("Shape", {input.name}, {{"start", std::int64_t{axis}}, {"end", std::int64_t{axis + 1}}});
    break;
  }
  extents_.emplace(name, value);
  return value;
}

std::string GraphBuilder::computed(const Expr& expr) {
  std::vector<std::string> stack;
  for (const Expr::Token& token : expr.tokens) {
    if (token.op == ExprOp::integer) {
      stack.push_back(integers({token.integer}));
    } else if (token.op == ExprOp::symbol) {
      stack.push_back(symbol(expr.symbols[static_cast<std::size_t>(token.integer)]));
    } else if (token.op == ExprOp::negate) {
      stack.back() = add("Neg", {stack.back()});
    } else {
      const std::string right = std::move(stack.back());
      stack.pop_back();
      stack.back() = add(op_of(token.op), {stack.back(), right});
    }
  }
  return stack.back();
}

void GraphBuilder::add_input(onnx::ValueInfo info) {
  taken_.insert(info.name);
  graph_.inputs.push_back(std::move(info));
}

void GraphBuilder::add_output(onnx::ValueInfo info, const std::string& value) {
  const auto writer = std::ranges::find(graph_.nodes, std::vector<std::string>{value}, &onnx::Node::outputs);
  const bool is_output =
      std::ranges::find(graph_.outputs, value, &onnx::ValueInfo::name) != graph_.outputs.end();
  if (writer == graph_.nodes.end() || is_output) {
    graph_.nodes.push_back({"Identity", {value}, {info.name}, {}, unique(info.name + "/Identity"), {}});
  } else {
    writer->outputs[0] = info.name;
    for (onnx::Node& node : graph_.nodes) std::ranges::replace(node.inputs, value, info.name);
    std::ranges::replace(names_, value, info.name);
  }
  graph_.outputs.push_back(std::move(info));
}

}  // namespace graphrun::exchange::to_onnx
