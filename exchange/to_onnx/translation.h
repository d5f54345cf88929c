#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exchange/to_onnx/graph_builder.h"

// How each op of graphs is written in ONNX's ops. Ops know nothing of this: the tables here name them, and a
// test compares with the registry that each has a translation, parts that have one, or a reason why there is
// none.
namespace graphrun::exchange::to_onnx {

// A node while it is translated.
class Translation {
 public:
  Translation(const BasicGraph& from, const BasicNode& node, GraphBuilder& out)
      : from_(from), node_(node), out_(out) {}

  GraphBuilder& out() { return out_; }
  const Attributes& attrs() const { return node_.resolved.attrs; }
  // Operands by their places in the op's definition.
  std::size_t input_count() const { return node_.node.inputs.size(); }
  bool has(std::size_t input) const {
    return input < node_.node.inputs.size() && node_.node.inputs[input] != kNoValue;
  }
  std::string input(std::size_t index) { return out_.name_of(node_.node.inputs[index]); }
  const ValueType& input_type(std::size_t index) const { return at(from_.types, node_.node.inputs[index]); }
  // Extent of an activation.
  const Dim& extent(std::size_t input, std::size_t axis) const { return input_type(input).shape[axis]; }
  // The elements of an input that is a variable. Errors: it is none.
  Result<std::span<const float>> variable(std::size_t index) const;
  // A tensor in the place of an input that is a variable, under its name.
  std::string replaced(std::size_t index, onnx::Tensor tensor) {
    return out_.replaced(node_.node.inputs[index], std::move(tensor));
  }
  // GraphBuilder's, of an input.
  const TensorView* eight_bits(std::size_t index) const { return out_.eight_bits(node_.node.inputs[index]); }
  Quantisation quantisation(std::size_t index) const { return out_.quantisation(node_.node.inputs[index]); }
  bool wants(std::size_t output) const { return node_.node.outputs[output] != kNoValue; }
  const ValueType& output_type() const { return at(from_.types, node_.node.outputs[0]); }

  // The value that is the node's output.
  void give(std::string name) { out_.set_name(node_.node.outputs[0], std::move(name)); }

 private:
  const BasicGraph& from_;
  const BasicNode& node_;
  GraphBuilder& out_;
};

// Errors do not name the node.
using Translate = Status (*)(Translation& node);
struct TranslationOf {
  std::string_view op;
  Translate translate;
};

std::span<const TranslationOf> convolutions();
std::span<const TranslationOf> norms();
std::span<const TranslationOf> activations();
std::span<const TranslationOf> pointwise();
std::span<const TranslationOf> pools();
std::span<const TranslationOf> resampling();
std::span<const TranslationOf> attention();

// Null where the op has none.
Translate find_translation(std::string_view op);
// Why an op that graph files may use has no translation; empty: it has one, or parts.
std::string_view refusal(std::string_view op);

// What translations share.

// relu, where the attribute "activation" asks for it.
std::string activated(Translation& node, std::string value);
// The error of a node that can be written for known sizes alone.
Status needs_sizes(std::string_view why);
// The numbers of extents. Precondition: they are constant.
std::vector<std::int64_t> numbers(std::span<const Dim> extents);

}  // namespace graphrun::exchange::to_onnx
