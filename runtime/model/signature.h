#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/dtype.h"
#include "graphrun/kernel/expr.h"

// A model's signature: what its inputs and outputs are for, so that programs ask for "the image" and "the
// logits" and need not know what a graph calls them. It is data (in memory and in a model file), and a role
// is a name: a later program may define more roles and properties, and an earlier one leaves alone what it
// does not know.
namespace graphrun::model {

// The methods that programs run.
namespace methods {
inline constexpr std::string_view kEval = "eval";
inline constexpr std::string_view kTrain = "train";
inline constexpr std::string_view kUpdate = "update";
}  // namespace methods

namespace roles {
// Inputs.
inline constexpr std::string_view kImage = "image";                 // f32 (N, channels, H, W)
inline constexpr std::string_view kLabel = "label";                 // i32 (N, H, W): class of each pixel
inline constexpr std::string_view kClassWeights = "class_weights";  // f32 (classes)
inline constexpr std::string_view kRandomState = "random_state";    // i64 (3): seed, iteration, first sample
inline constexpr std::string_view kLearningRate = "learning_rate";  // f32 scalar
// Outputs.
inline constexpr std::string_view kLogits = "logits";       // f32 (N, classes, H, W), before softmax
inline constexpr std::string_view kLoss = "loss";           // f32 scalar: what training minimises
inline constexpr std::string_view kMainLoss = "main_loss";  // f32 scalar: of the head that evaluation uses
inline constexpr std::string_view kAuxLoss = "aux_loss";    // f32 scalar: of another head
inline constexpr std::string_view kMainTotals =
    "main_totals";  // f64 (2): weighted sum of a loss, sum of weights
inline constexpr std::string_view kAuxTotals = "aux_totals";  // the same of another head
inline constexpr std::string_view kConfusion = "confusion";   // i64 (classes, classes)
}  // namespace roles

// Names that the compiler gives to what it adds to a graph. Files that say no roles have them by these names.
namespace port_names {
inline constexpr const char* kLoss = "loss";
inline constexpr const char* kLossSuffix = "_loss";  // after a loss's name
inline constexpr const char* kTotalsSuffix = "_totals";
inline constexpr const char* kConfusion = "confusion";
}  // namespace port_names

inline constexpr int kMaxImageChannels = 64;

// An input or an output of the model.
struct Port {
  std::string name;    // of Model::inputs, or of an output of `method`
  std::string method;  // of an output; empty for an input
  std::string role;    // one of `roles`, or any other name; empty: none
  std::string head;    // of losses and totals: the loss they belong to, e.g. "aux"
  DType dtype = DType::f32;
  int rank = 0;
  // Expressions of graph parameters; without tokens: none, or not known.
  Expr channels{};  // extent of axis 1 of an activation (N, C, H, W)
  Expr classes{};   // how many classes its values tell apart
  // How a map lies on the image. Without an interpolation rule it has the image's height and width; else it
  // has one pixel for `stride` of the image's, and is brought to its size by that rule.
  int stride = 1;
  std::string interpolation{};                      // "", "bilinear" or "nearest"
  bool align_corners = true;                        // of the interpolation
  std::map<std::string, std::string> properties{};  // more of it: name → JSON text
};

struct Signature {
  std::vector<Port> inputs;
  std::vector<Port> outputs;

  // The first with this role; null where there is none.
  const Port* input(std::string_view role) const;
  const Port* output(std::string_view method, std::string_view role) const;
};

}  // namespace graphrun::model
