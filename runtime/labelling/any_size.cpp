#include "runtime/labelling/any_size.h"

#include "runtime/session/dims.h"

namespace graphrun::labelling {

bool takes_any_size(const model::Program& program, std::int64_t side) {
  constexpr std::int64_t kSizes = 64;
  for (std::int64_t size = side; size < side + kSizes; ++size) {
    const auto shapes = session::image_shapes(program, 1, size, size);
    if (!shapes.ok() || !session::solve_dims(program, *shapes).ok()) return false;
  }
  return true;
}

}  // namespace graphrun::labelling
