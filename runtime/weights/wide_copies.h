#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/model/backend.h"

namespace graphrun::weights {

// Copies in f32 of weights in s8, each made when something first reads it so: sessions in 8 bits read few or
// none. For memory of a host. Thread-safe.
class WideCopies {
 public:
  // By variable; of rank 0 where it needs no copy. Views of s8 with scales, which live as long as this.
  explicit WideCopies(std::vector<TensorView> narrow);

  bool has(std::size_t variable) const { return narrow_[variable].data != nullptr; }
  // Those of these variables that are not there yet. Copies stay where they are.
  Status make(std::span<const std::size_t> variables, model::Backend& backend);
  // Precondition: has(variable). data is null before make().
  const TensorView& view(std::size_t variable) const { return wide_[variable]; }
  std::int64_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::vector<TensorView> narrow_;
  std::vector<TensorView> wide_;
  std::vector<std::unique_ptr<model::Buffer>> buffers_;  // of wide_
};

}  // namespace graphrun::weights
