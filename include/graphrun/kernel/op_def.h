#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graphrun/kernel/attributes.h"
#include "graphrun/kernel/dim.h"
#include "graphrun/kernel/node.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"

// Definition of an op, apart from how a device computes it. Definitions are plain data and free functions.
// The compiler and the runtime's validation use the same ones.
namespace graphrun {

// Type of a value. The shape may be symbolic in the compiler and is constant at bind.
struct ValueType {
  DType dtype = DType::f32;
  Layout layout = Layout::dense;
  std::vector<Dim> shape;

  // Activations: rank 4, NHWC in memory, f32 standing for "the compute precision" unless the op is
  // always_f32.
  static ValueType activation(Dim n, Dim c, Dim h, Dim w) {
    return {DType::f32, Layout::nhwc, {std::move(n), std::move(c), std::move(h), std::move(w)}};
  }
  static ValueType dense(DType dtype, std::vector<Dim> shape) {
    return {dtype, Layout::dense, std::move(shape)};
  }
  bool operator==(const ValueType&) const = default;
};
std::string to_string(const ValueType& type);  // "f32 (N, 64, (H - 1)/2 + 1, (W - 1)/2 + 1)"

// Which values an operand may be, apart from their extents. resolve() checks every operand of every node
// against this: inputs before OpDef::infer, which may rely on it, and outputs after it. Kernels see what is
// declared, too (check_storage()).
struct OperandType {
  enum class Kind : std::uint8_t {
    // (N, C, H, W) in NHWC memory, f32 or bf16. In a graph f32 stands for the precision of the session, which
    // may
    // store activations in another type; all activations of a node, inputs and outputs, have the same one.
    activation,
    // (N, C, H, W) in NHWC memory, of exactly `dtype`: numbers of pixels and channels that no precision
    // changes.
    nhwc,
    // Row-major in the order of the shape, of exactly `dtype`.
    dense,
    // f32 or bf16, an activation or dense.
    real,
    // Element type, layout and extents are those of the input with the index `input`.
    same_as,
    // Everything. Only for inputs of which nothing but the shape is read.
    any,
  };
  Kind kind = Kind::activation;
  DType dtype = DType::f32;  // of nhwc and dense
  int rank = -1;             // of dense; -1: any
  int input = -1;            // of same_as: one that is always there and is itself not same_as

  static constexpr OperandType activation() { return {}; }
  static constexpr OperandType nhwc(DType dtype) { return {Kind::nhwc, dtype, 4, -1}; }
  static constexpr OperandType dense(DType dtype, int rank = -1) { return {Kind::dense, dtype, rank, -1}; }
  static constexpr OperandType scalar(DType dtype) { return dense(dtype, 0); }
  static constexpr OperandType real() { return {Kind::real, DType::f32, -1, -1}; }
  static constexpr OperandType same_as(int input) { return {Kind::same_as, DType::f32, -1, input}; }
  static constexpr OperandType any() { return {Kind::any, DType::f32, -1, -1}; }
};
std::string to_string(const OperandType& type);  // "an activation", "dense f32 of rank 1"

struct InputSpec {
  std::string_view name;  // the key in a graph file
  std::string_view doc;
  OperandType type = OperandType::activation();
  bool optional = false;
  bool variadic = false;    // the last input only: any number of values, at least one
  bool shape_only = false;  // only its shape is read; the value need not be alive
  bool frozen = false;      // a constant to the gradient: a parameter that is only read so is not trained
  // A variable that each node of this op brings along, named <node path>.<name>, unless the graph gives
  // another.
  bool is_variable = false;
  VariableKind variable = VariableKind::parameter;
  Init init{};                         // its default initialiser
  std::string_view if_attribute = {};  // it is there exactly where this boolean attribute is true
};

// Over which ranks an output is summed before anything reads it.
enum class Reduction : std::uint8_t { none, batch_statistics, loss };

struct OutputSpec {
  std::string_view name;
  std::string_view doc;
  OperandType type = OperandType::activation();
  Reduction reduction = Reduction::none;
  // A node may be without it: kernels then get no memory for it and write nothing. The others always have it.
  bool optional = false;
};

struct IndexPair {
  int output = 0;
  int input = 0;
};

enum class Precision : std::uint8_t {
  compute,     // follows the session's precision
  always_f32,  // statistics, losses, master weights
};

// Writes nodes into a graph: gradients, composites' parts, the forms of an op in a method.
class GraphWriter {
 public:
  virtual ~GraphWriter() = default;
  // Appends a node and returns one value for each output of the op. `suffix` tells it from its siblings in
  // paths. Errors of inference stop the pass that runs; the returned ids are valid in any case.
  virtual std::vector<ValueId> add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                                   std::string_view suffix) = 0;
  virtual const ValueType& type(ValueId value) const = 0;
  // The value of a model input in this method, e.g. "rng". Where the model has none of that name, the
  // compiler adds it with this type; elsewhere it is kNoValue.
  virtual ValueId input(std::string_view name, const ValueType& type) = 0;
};

struct GradientRequest {
  const Node& node;
  std::span<const ValueId> output_gradients;  // kNoValue: nothing flows back through this output
  std::vector<bool> needed;                   // by input
};

struct OpDef;

// A graph as OpDef::fusion sees it.
class GraphReader {
 public:
  virtual ~GraphReader() = default;
  virtual const Node* producer(ValueId value) const = 0;  // null: an input or a variable
  // The node of each input that is the value; null stands for an output or a store of the method.
  virtual std::span<const Node* const> readers(ValueId value) const = 0;
  virtual const OpDef& definition(const Node& node) const = 0;
};
// The node of this op that writes the value, if the value is read once in all; else null.
const Node* sole_producer(const GraphReader& graph, ValueId value, std::string_view op);

// How the compiler finds nodes whose work a composite does at once.
struct Fusion {
  std::string_view last;  // the op of the last of these nodes
  // The composite's node, without outputs, over values that the graph has before `last`; empty where what is
  // around `last` is something else. Nodes that nothing reads afterwards are removed.
  using Match = std::optional<Node> (*)(const Node& last, const GraphReader& graph);
  Match match = nullptr;
};

// Which parameters a rule is about: all that is given must fit. In patterns * is any text, ? any character.
struct ParameterSelector {
  std::string name = "*";     // of the parameter, e.g. "layer4.*"
  std::string op = "*";       // of the node that reads it, as the graph file writes it, e.g. "batch_norm"
  std::string operand = "*";  // which of that node's inputs it is, e.g. "bias"
  int rank = -1;              // -1: any
};

// A variable that an optimiser keeps from step to step, 0 at the start.
struct OptimizerState {
  // The variable is <name>:<parameter>; a scalar is <name>:<path of the update's node>, and Variable::of is
  // -1.
  std::string_view name;
  bool scalar = false;  // one number for all parameters of a node; else a tensor for each, of its shape
};

// Parameters for which an attribute has another value than the others'.
struct OptimizerRule {
  ParameterSelector which;
  std::string_view attr;
  double value = 0;
};

// An op that updates parameters from their gradients. Its inputs are f32: first scalars that the training
// loop gives by name ("lr", the learning rate), then, in the last input, which is variadic: k parameters,
// their k gradients, k tensors of each state that is no scalar, in the order of `states`, and one of each
// scalar. All of them are variables and may be written (OpDef::writes_inputs). Where ranks share the
// parameters out, k may be 0 for a node with scalars, which must then go on as on the other ranks.
struct OptimizerSpec {
  std::vector<OptimizerState> states;
  // The attribute that multiplies the learning rate: parameters for which it is 0 are not trained at all.
  // Empty: there is none.
  std::string_view rate_multiplier{};
  // The rules where a graph file gives none.
  std::vector<OptimizerRule> rules{};
};

// What the engine itself computes with ops. It finds an op for that by its role, never by a name.
enum class OpRole : std::uint8_t {
  none,
  cast,                // activations to another element type, where neighbours compute in different ones
  add,                 // the gradients that flow into one value
  fill,                // a scalar: the gradient of the loss by itself
  weighted_sum,        // the loss, of several losses
  linear_combination,  // a x + b y: gradients of several batches and ranks, copies of parameters
  moving_average,      // y + t (x - y): averages of parameters
  first_nonfinite,     // where a gradient is not finite
  sum_of_squares,      // the norm of all gradients
  arg_max,             // the classes of logits, in training's validation
  pixel_loss_totals,   // the loss of a validation
};

struct OpDef {
  std::string_view name;
  std::string_view doc = {};
  std::vector<InputSpec> inputs{};
  std::vector<OutputSpec> outputs{};
  std::vector<AttrSpec> attrs{};
  Precision precision = Precision::compute;

  // The types of the outputs, absent ones too. There is an input for each of `inputs` (more where the last
  // one is variadic), of its declared type; an absent one is null. Errors give what is expected and what is
  // there.
  using Infer = Status (*)(const Attributes& attrs, std::span<const ValueType* const> inputs,
                           std::vector<ValueType>& outputs);
  Infer infer = nullptr;

  // The shape of the variable for input `index` (InputSpec::is_variable). Other inputs' types are known and
  // as declared, those of variables are null. Null when the op has no variables.
  using VariableShape = Result<std::vector<Dim>> (*)(const Attributes& attrs,
                                                     std::span<const ValueType* const> inputs, int index);
  VariableShape variable_shape = nullptr;

  // One value (or kNoValue) for each input. Null: `not_differentiable` says why; gradients stop here.
  using Gradient = std::vector<ValueId> (*)(const GradientRequest& request, GraphWriter& graph);
  Gradient gradient = nullptr;
  std::string_view not_differentiable = {};

  // How the op is written in a method; null: as it is. Returns one value for each output.
  using Rewrite = std::vector<ValueId> (*)(const Node& node, GraphWriter& graph);
  Rewrite for_eval = nullptr;
  Rewrite for_train = nullptr;
  // Composites: the parts that define the op's meaning. A backend without a kernel for the whole runs these.
  Rewrite decomposition = nullptr;
  // Composites: where a graph has the parts. A fusion that loses a gradient is left out of methods that are
  // differentiated.
  Fusion fusion{};

  // Operations of products, 2 for a multiplication with its addition. Types are numbers; absent inputs and
  // unwanted outputs are null. Null: the sum of a composite's parts, 0 for others.
  using Cost = double (*)(const Attributes& attrs, std::span<const ValueType* const> inputs,
                          std::span<const ValueType* const> outputs);
  Cost cost = nullptr;

  // At most one op of a registry has a role.
  OpRole role = OpRole::none;

  // Present where the op can be the optimiser of a graph's `train` section.
  std::optional<OptimizerSpec> optimizer{};

  // output may take the memory of input when nobody reads the input afterwards.
  std::vector<IndexPair> in_place{};
  // output is the new content of the variable that is this input, written in place.
  std::vector<IndexPair> updates{};
  // The op's last input is variadic, each of its values a variable, and any of these may be written in place;
  // none of them is read afterwards.
  bool writes_inputs = false;
  // The op is cheaper to compute again from its inputs than to keep from forward to backward.
  bool recompute = false;
  // output is input at another size, by the op's attributes "mode" and "align_corners" (as resize has them;
  // without them by aligned corners): whoever interpolates further may start from the input instead.
  std::optional<IndexPair> interpolates{};
  // Each value of the result is one of the activations' or lies between two of them, so that in 8 bits all of
  // them have one scale and their integers can be computed with as they are.
  bool shares_scale = false;
  // The result for a sample depends on which others are computed with it on this rank, so that a batch in
  // parts is not the batch (hard pixels are chosen among all of them).
  bool compares_samples = false;
  // The op reads input 0 pixel by pixel and has no outputs of that size that are activations, so that a
  // composite can compute it from a smaller map that is resized pixel by pixel.
  bool reads_pixels = false;
  // The op is internal to lowered graphs; a graph file cannot use it.
  bool internal = false;

  // The specification of input `index` of a node: a variadic input's goes for all that follow.
  // Precondition: the op has inputs.
  const InputSpec& input(std::size_t index) const {
    return inputs[index < inputs.size() ? index : inputs.size() - 1];
  }
  int input_index(std::string_view name) const;   // -1: none
  int output_index(std::string_view name) const;  // -1: none
};

struct OpLibrary;  // graphrun/kernel/op_library.h

// The ops that a program may use, by name.
class OpRegistry {
 public:
  explicit OpRegistry(std::vector<const OpDef*> defs);
  // The ops of all libraries, which live as long as the registry. Errors: two ops of one name (names both
  // libraries) or one role, an op without a name or without inference.
  static Result<OpRegistry> make(std::vector<std::shared_ptr<const OpLibrary>> libraries);

  const OpDef* find(std::string_view name) const;
  const OpDef* find(OpRole role) const;                        // null: none has it
  std::span<const OpDef* const> all() const { return defs_; }  // sorted by name
  // The library that brought the op; null for an unknown op and in a registry that was made of ops alone.
  const OpLibrary* library_of(std::string_view op) const;

 private:
  std::vector<const OpDef*> defs_;
  std::vector<std::shared_ptr<const OpLibrary>> libraries_;
};

// A helper of infer functions: an error of the form "<what>: expected <a>, got <b>".
Status require_equal(const Dim& expected, const Dim& actual, std::string_view what);
// Number of elements of a tensor, for cost functions. Precondition: every extent is a number.
double element_count(const ValueType& type);

}  // namespace graphrun
