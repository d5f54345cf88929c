#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graphrun/dtype.h"
#include "graphrun/kernel/expr.h"
#include "graphrun/kernel/node.h"
#include "runtime/model/signature.h"

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

// That a value may be stored in few bits: real = scale * (stored - zero point). A hint for whoever computes
// in integers; whoever does not computes with the value as it is.
struct QuantisedValue {
  ValueId value = kNoValue;
  int bits = 8;
  bool is_signed = true;
  int axis = -1;                            // scales are by this axis; -1: one for all
  std::vector<float> scales{};              // positive
  std::vector<std::int32_t> zero_points{};  // by scale; empty: all 0
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
  std::vector<QuantisedValue> quantised{};
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
  // Late ones: the value that settings (train_h, ...) and other parameters ask for, by their names. Whoever
  // has settings binds it, unless somebody chose another value. No tokens: the value does not depend on
  // settings.
  Expr from{};
  bool chosen = false;  // -D or a program gave a value other than that of `from`
};

struct Requirement {
  Expr condition;  // of the dims of the inputs; must not be 0
  std::string because;
};

// Element types of images as they are stored. The numbers stand in model files: append, never renumber.
enum class PixelType : std::uint8_t { u8 = 0, u16 = 1, f32 = 2 };
inline constexpr int kPixelTypeCount = 3;

// How a stored image becomes the input with the role `image`: (pixel - mean * value_scale) / (std *
// value_scale) for each of its channels. By default the pixels of an 8-bit RGB image are taken as they are
// stored, 0 to 255.
struct Preprocess {
  double value_scale = 1;
  std::vector<double> mean{0, 0, 0};
  std::vector<double> std{1, 1, 1};
  PixelType stored = PixelType::u8;
};

inline constexpr std::string_view kSlideProtocol = "slide";
inline constexpr std::string_view kWholeProtocol = "whole";

// How an image of any size is labelled: in overlapping crops ("slide") or in one pass ("whole").
struct LabellingProtocol {
  std::string name = "slide";
  std::int64_t crop_h = 0;  // of slide, pixels
  std::int64_t crop_w = 0;
  std::int64_t base_size = 0;  // longer side at scale 1, pixels; 0: the image's own
  std::vector<double> scales{1.0};
  bool flip = true;  // each view also mirrored, and the probabilities averaged
  bool operator==(const LabellingProtocol&) const = default;
};

// An op library that the model needs beside the built-in ops, which are always there.
struct RequiredOps {
  std::string library;
  std::string version;
  std::vector<std::string> ops;  // of the model's, those that come from it
  bool operator==(const RequiredOps&) const = default;
};

// Places in Model::parameters by name.
using ParameterIndex = std::unordered_map<std::string_view, std::size_t>;

struct Model {
  std::string name;
  std::string doc;
  std::vector<GraphParameter> parameters;
  std::vector<Input> inputs;
  std::vector<Requirement> requirements;
  std::vector<Variable> variables;
  std::vector<Method> methods;
  Signature signature;
  Preprocess preprocess;
  std::vector<RequiredOps> required_ops;
  std::optional<LabellingProtocol> protocol;  // empty: the program that labels images decides
  // What training bound; empty in a file that only graphc wrote.
  std::vector<std::string> class_names;
  std::vector<std::uint8_t> palette;  // RGB, three bytes a class
  // Settings of the graph's `train` section as JSON scalars or arrays in text, e.g. {"train_h", "480"}.
  std::map<std::string, std::string> settings;
  // Whatever else belongs to the model, e.g. the temperature of a calibration: name → JSON text.
  std::map<std::string, std::string> metadata;

  const Method* method(std::string_view name) const;
  const Variable* variable(std::string_view name) const;
  ParameterIndex parameter_index() const;
  // The values of the graph parameters, as expressions see them, while the model lives and keeps its list of
  // parameters.
  SymbolLookup parameter_values() const;
};

}  // namespace graphrun::model
