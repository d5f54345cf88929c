#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/graph.h"

namespace graphrun::compiler {

// Estimates what a method's activations need at once, to compare variants of a graph. Sizes that are not
// known yet are taken as equal and large, late parameters as their defaults; small dense values do not count.
class MemoryEstimate {
 public:
  MemoryEstimate(const Context& context, const Graph& graph);

  static constexpr std::size_t kKept = static_cast<std::size_t>(-1);
  // `again` holds for each value the node before which it is computed again, or kKept. Relative units.
  double peak(const std::vector<std::size_t>& again) const;

 private:
  struct Life {
    double size = 0;
    std::size_t birth = 0;
    std::vector<std::size_t>
        reads;  // nodes in ascending order; those of which only the shape counts left out
    bool takes_memory_of_input = false;
  };
  std::size_t nodes_ = 0;
  std::vector<Life> lives_;  // by value
};

}  // namespace graphrun::compiler
