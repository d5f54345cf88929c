#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/kernel/attributes.h"

// A node of a graph, and what its variables are: as ops see them.
namespace graphrun {

using ValueId = std::int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input that is absent, an output nobody wants

// The element of a list by value. Precondition: the value has one, so that it is not kNoValue.
template <class List>
decltype(auto) at(List& by_value, ValueId value) {
  return by_value[static_cast<std::size_t>(value)];
}

struct Node {
  std::string path;  // full name in the scopes of the graph, e.g. "pretrained.layer1.0.conv1"
  std::string op;
  AttrMap attrs;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

enum class VariableKind : std::uint8_t {
  parameter = 0,        // trained; in checkpoints
  buffer = 1,           // state that is not trained (running statistics); in checkpoints
  gradient = 2,         // of a parameter; `of` is its index
  optimizer_state = 3,  // e.g. momentum of a parameter; `of` is its index; in checkpoints that can be resumed
};

// How a variable gets its first values. All draws come from a counter-based generator keyed by seed and name.
enum class InitKind : std::uint8_t {
  constant = 0,                // a
  normal = 1,                  // mean a, standard deviation b
  uniform = 2,                 // in [a, b)
  kaiming_normal_fan_out = 3,  // normal, sd sqrt(2 / (kh kw O)); He et al. 2015, eq. 14
  uniform_fan_in = 4,  // uniform in +-1/sqrt(fan in), PyTorch's default for convolutions and their biases
};
struct Init {
  InitKind kind = InitKind::constant;
  Expr a = 0.0;
  Expr b = 0.0;
  // uniform_fan_in only: I * kh * kw of the convolution; a bias has no fan of its own.
  Expr fan_in = 0;
};

}  // namespace graphrun
