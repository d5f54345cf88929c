#pragma once

#include <cstdint>
#include <memory>

#include "datasets/sample.h"
#include "runtime/core/status.h"

namespace graphrun {

// Floats by pixel, in memory that only grows; what was in it is lost then.
class Plane {
 public:
  Status reserve(const Extent& size, std::int64_t channels);
  float* data() { return data_.get(); }
  // What reserve() takes for these.
  static std::int64_t bytes(const Extent& size, std::int64_t channels) {
    return size.height * size.width * channels * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  std::unique_ptr<float[]> data_;
  std::int64_t floats_ = 0;
};

}  // namespace graphrun
