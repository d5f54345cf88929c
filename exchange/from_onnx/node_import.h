#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/from_onnx/value.h"

namespace graphrun::exchange::from_onnx {

using Values = std::map<std::string, Value, std::less<>>;

// A node of the ONNX graph while it is translated into steps. Attributes that a translation never asks for,
// and inputs beyond those that it counts, are errors afterwards: nothing is passed over.
class NodeImport {
 public:
  NodeImport(const onnx::Node& node, std::int64_t opset, Values& values, StepGraph& graph, std::string path)
      : node_(node), opset_(opset), values_(values), graph_(graph), path_(std::move(path)) {}

  std::int64_t opset() const { return opset_; }
  std::size_t input_count() const { return node_.inputs.size(); }
  bool has(std::size_t input) {
    asked_inputs_.insert(input);
    return input < node_.inputs.size() && !node_.inputs[input].empty();
  }
  bool wants(std::size_t output) const {
    return output < node_.outputs.size() && !node_.outputs[output].empty();
  }

  // Inputs. Errors: it is absent, or something else.
  Result<const Value*> value(std::size_t input);
  Result<Map> map(std::size_t input);         // without padding
  Result<Map> padded_map(std::size_t input);  // of whoever takes the padding upon itself
  Result<Constant> constant(std::size_t input);
  Result<Constant> weight(std::size_t input);  // a constant in f32
  Result<std::vector<float>> reals(std::size_t input);
  Result<Integers> integers(std::size_t input);
  Result<std::vector<std::int64_t>> numbers(std::size_t input);  // integers that are known
  bool is_map(std::size_t input);

  // Attributes; `fallback` where the node has none of that name. Errors: of another kind.
  Result<std::int64_t> integer(std::string_view name, std::int64_t fallback);
  Result<std::vector<std::int64_t>> integer_list(std::string_view name, std::vector<std::int64_t> fallback);
  Result<float> real(std::string_view name, float fallback);
  Result<std::string> text(std::string_view name, std::string fallback);
  bool has_attribute(std::string_view name);
  const onnx::Attribute* attribute(std::string_view name);
  // Error: the attribute is there and not this.
  Status expect(std::string_view name, std::int64_t only);
  // Errors: attributes and inputs that nobody asked for.
  Status all_asked() const;

  const ValueType& type(const Map& map) const { return graph_.type(map.value); }
  const Dim& extent(const Map& map, std::size_t axis) const { return type(map).shape[axis]; }

  // Appends a step over maps; the first gives the rank of the result. `suffix` tells steps of one node apart.
  Result<Map> add(std::string_view op, const std::vector<Map>& inputs, AttrMap attrs = {},
                  std::vector<StepVariable> variables = {}, std::string_view suffix = {});
  // y = x weight + bias, a number for each channel, as a batch norm with mean 0 and variance 1.
  Result<Map> affine(const Map& x, const std::vector<float>& weight, const std::vector<float>& bias,
                     std::string_view suffix = {});
  // x where it is known to have nothing below 0, else its relu.
  Result<Map> rectified(const Map& x);
  // Adds a number to all channels, or multiplies them by one.
  Result<Map> shifted(const Map& x, float by, std::string_view suffix);
  Result<Map> scaled(const Map& x, double factor);

  Constant keep(onnx::Tensor tensor) { return graph_.keep(std::move(tensor)); }
  void give(Value value, std::size_t output = 0);

 private:
  const onnx::Node& node_;
  std::int64_t opset_;
  Values& values_;
  StepGraph& graph_;
  std::string path_;
  std::set<std::string, std::less<>> asked_;
  std::set<std::size_t> asked_inputs_;
};

// Errors do not name the node.
using ImportNode = Status (*)(NodeImport& node);
struct ImportOf {
  std::string_view op;
  ImportNode import;
};
std::span<const ImportOf> imported_windows();  // convolutions, pools
std::span<const ImportOf> imported_norms();
std::span<const ImportOf> imported_activations();
std::span<const ImportOf> imported_arithmetic();
std::span<const ImportOf> imported_shapes();  // of tensors: reshape, concat, shape, ...
std::span<const ImportOf> imported_resampling();
std::span<const ImportOf> imported_matrices();
std::span<const ImportOf> imported_quantisation();

// Null where the op is not known.
ImportNode find_import(std::string_view op);
// All ops that are known, sorted.
std::vector<std::string_view> imported_ops();

// The axis counted from the front. Error: outside the rank.
Result<std::size_t> axis_of(std::int64_t axis, int rank);
// The file has one image where the graph is for any number of them.
inline bool is_open_batch(const Dim& extent, const Dim& in_file) {
  return !extent.is_constant() && in_file == Dim(1);
}
// A number as a graph file should have it: the shortest decimal that means this float.
double readable(float value);

}  // namespace graphrun::exchange::from_onnx
