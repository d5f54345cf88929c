#include "graphrun/shape.h"

#include <algorithm>

#include "runtime/core/checked.h"

namespace graphrun {

Shape::Shape(std::span<const std::int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  if (extents.size() > static_cast<std::size_t>(kMaxRank)) std::abort();
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

Result<Shape> Shape::make(std::span<const std::int64_t> extents) {
  if (extents.size() > static_cast<std::size_t>(kMaxRank)) {
    return {ErrorCode::shape, "a tensor of rank " + std::to_string(extents.size()) + "; at most " +
                                  std::to_string(kMaxRank) + " is possible"};
  }
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) {
    const auto product =
        extent < 0 ? std::nullopt : core::checked_mul(count, std::max<std::int64_t>(extent, 1));
    if (!product || *product > kMaxTensorBytes) {
      return {ErrorCode::shape, "impossible tensor extent " + std::to_string(extent)};
    }
    count = *product;
  }
  return Shape(extents);
}

std::int64_t Shape::count() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : extents()) count *= extent;
  return count;
}

bool Shape::operator==(const Shape& other) const { return std::ranges::equal(extents(), other.extents()); }

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + ")";
}

}  // namespace graphrun
