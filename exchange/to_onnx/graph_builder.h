#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/onnx/model.h"
#include "exchange/to_onnx/basic_graph.h"
#include "graphrun/status.h"
#include "runtime/weights/weights.h"

namespace graphrun::exchange::to_onnx {

// Writes an ONNX graph from front to back: nodes, and the constants and sizes that they ask for. What has
// been written is never changed, so that the same calls give the same graph.
class GraphBuilder {
 public:
  // Values are those of `from`; variables among them are what `weights` has. All must outlive the written
  // model, whose initializers are views of the weights.
  // `eight_bits`: Options::eight_bits.
  GraphBuilder(const BasicGraph& from, const model::Model& model, const weights::Weights& weights,
               bool eight_bits);

  // The nodes that follow belong to this place: their names begin with it.
  void enter(std::string_view path) { scope_ = path; }

  // Appends a node with one output and returns that value's name.
  std::string add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<onnx::Attribute> attributes = {});

  // What a value is called; a variable becomes an initializer when it is asked for first. Precondition: the
  // value is one of a node that was written, of an input that was named, or a variable.
  std::string name_of(ValueId value);
  void set_name(ValueId value, std::string name) { at(names_, value) = std::move(name); }
  // An initializer in the place of a variable whose values others take; it has the variable's name.
  std::string replaced(ValueId variable, onnx::Tensor tensor);
  // The memory of a variable's f32 elements; empty where the value is none.
  std::span<const float> variable(ValueId value) const;

  // In 8 bits, the integers of a variable with their scales; null: it has none.
  const TensorView* eight_bits(ValueId value) const;
  // The scale that an activation has been given; 0: none.
  Quantisation quantisation(ValueId value) const { return at(quantisations_, value); }
  // Gives a value that was named a scale: readers take the nearest of its 256 numbers.
  void quantise(ValueId value, const Quantisation& q);

  // Constants; equal ones that are small are one initializer.
  std::string integers(const std::vector<std::int64_t>& values);
  std::string reals(const std::vector<float>& values, std::vector<std::int64_t> dims);
  std::string real(float value) { return reals({value}, {}); }
  // An initializer of this place; returns its full name.
  std::string constant(std::string_view suffix, onnx::Tensor tensor);

  // i64 of rank 1: the extents, computed from the inputs' shapes where they are not numbers.
  std::string shape(std::span<const Dim> extents);

  // An input of the graph, in the order of the calls.
  void add_input(onnx::ValueInfo info);
  // A value becomes an output and gets the output's name, which nothing else has (reserve()).
  void reserve(const std::string& name) { taken_.insert(name); }
  void add_output(onnx::ValueInfo info, const std::string& value);

  // Once, at the end.
  onnx::Graph finish() { return std::move(graph_); }

 private:
  std::string unique(const std::string& name);
  std::string extent(const Dim& dim);
  std::string symbol(const std::string& name);
  std::string computed(const Expr& expr);

  const BasicGraph& from_;
  const weights::Weights& weights_;
  onnx::Graph graph_;
  std::string scope_;
  bool eight_bits_;
  std::vector<std::string> names_;           // by value; empty: not written
  std::vector<Quantisation> quantisations_;  // by value
  std::set<std::string, std::less<>> taken_;
  std::map<std::string, std::string, std::less<>> constants_;  // by type, dims and bytes
  std::map<std::string, std::string, std::less<>> extents_;    // by text
};

// The f32 or integer type that stands for ours.
onnx::ElementType element_type(DType type);

}  // namespace graphrun::exchange::to_onnx
