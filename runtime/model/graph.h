#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/dtype.h"
#include "graphrun/kernel/expr.h"
#include "graphrun/kernel/node.h"

// The graph of a model as data: what the compiler's passes transform, what a .fb file holds, what a session
// binds.
namespace graphrun::model {

// Where a value comes from. Variables and inputs are shared by the methods of a model.
enum class Origin : std::uint8_t { node = 0, input = 1, variable = 2 };
struct Value {
  std::string name;
  Origin origin = Origin::node;
  std::int32_t index = 0;  // of Model::inputs or Model::variables; for nodes of Method::nodes
};

struct NamedValue {
  std::string name;
  ValueId value = kNoValue;
};

// A straight-line program: nodes in an order in which they can run. Each value is written by one node.
struct Method {
  std::string name;  // "eval", "train", "update"
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<NamedValue> outputs;
  // Values that are the new content of a variable (name: the variable's). A gradient's value is computed into
  // the variable's memory; the state outputs of an op (OpDef::updates) are written in place.
  std::vector<NamedValue> stores;
};

struct Variable {
  std::string name;
  VariableKind kind = VariableKind::parameter;
  DType dtype = DType::f32;
  std::vector<Expr> shape;  // of graph parameters alone
  Init init;
  std::int32_t of = -1;
};

struct Input {
  std::string name;
  DType dtype = DType::f32;
  std::vector<Expr> shape;  // e.g. N, 3, H, W
};

// A number that graphs may use. Structural ones are fixed by the compiler and kept for information.
struct GraphParameter {
  std::string name;
  double value = 0;  // default, or what -D or training bound
  bool integer = true;
  bool structural = false;
  double min = 0;
  double max = 0;
  std::string doc;
};

struct Requirement {
  Expr condition;  // of the dims of the inputs; must not be 0
  std::string because;
};

// How an 8-bit RGB image becomes `image`: (pixel - mean * value_scale) / (std * value_scale) for each of the
// 3 channels. By default the pixels are taken as they are stored, 0 to 255.
struct Preprocess {
  double value_scale = 1;
  std::vector<double> mean{0, 0, 0};
  std::vector<double> std{1, 1, 1};
};

struct Model {
  std::string name;
  std::string doc;
  std::vector<GraphParameter> parameters;
  std::vector<Input> inputs;
  std::vector<Requirement> requirements;
  std::vector<Variable> variables;
  std::vector<Method> methods;
  Preprocess preprocess;
  // What training bound; empty in a file that only graphc wrote.
  std::vector<std::string> class_names;
  std::vector<std::uint8_t> palette;  // RGB, three bytes a class
  // Settings of the graph's `train` section as JSON scalars or arrays in text, e.g. {"train_h", "480"}.
  std::map<std::string, std::string> settings;

  const Method* method(std::string_view name) const;
  const Variable* variable(std::string_view name) const;
  // The values of the graph parameters, as expressions see them.
  SymbolLookup parameter_values() const;
};

}  // namespace graphrun::model
