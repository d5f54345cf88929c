#pragma once

#include <cstdint>
#include <memory>

#include "graphrun/status.h"
#include "runtime/imaging/image.h"
#include "runtime/model/backend.h"

namespace graphrun::imaging {

// Floats by pixel, in memory of a device that only grows; what was in it is lost then.
class FloatImage {
 public:
  explicit FloatImage(std::shared_ptr<model::Backend> backend) : backend_(std::move(backend)) {}
  Status reserve(const Extent& size, std::int64_t channels);
  float* data() { return buffer_ == nullptr ? nullptr : static_cast<float*>(buffer_->data()); }
  // What reserve() takes for these.
  static std::int64_t bytes(const Extent& size, std::int64_t channels) {
    return size.height * size.width * channels * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  std::shared_ptr<model::Backend> backend_;
  std::unique_ptr<model::Buffer> buffer_;
};

}  // namespace graphrun::imaging
