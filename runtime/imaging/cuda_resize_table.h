#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/imaging/cuda_jobs.h"
#include "runtime/imaging/resize_table.h"
#include "runtime/imaging/slide_grid.h"

namespace graphrun::imaging::gpu {

struct FreeDeviceMemory {
  cuda::Device* device = nullptr;
  void operator()(std::byte* memory) const { device->free(memory); }
};
struct FreePinnedMemory {
  void operator()(std::byte* memory) const { cudaFreeHost(memory); }
};

// A block of device memory and of pinned host memory that belong together.
class Staged {
 public:
  static Result<Staged> make(cuda::Device& device, std::int64_t bytes);
  Staged() = default;

  std::byte* device() const { return device_.get(); }
  std::byte* host() const { return host_.get(); }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<std::byte, FreeDeviceMemory> device_;
  std::unique_ptr<std::byte, FreePinnedMemory> host_;
  std::int64_t bytes_ = 0;
};

// A TapTable with what launches must know of it.
struct ColumnTaps {
  TapTable table;
  // Columns of samples that 1, 2, 4, ... neighbouring outputs read at most.
  static constexpr int kTiles = 7;
  std::array<std::int32_t, kTiles> spans{};
};

// Tables of taps in device memory, made when a size is first seen and kept while there is room.
class TapTables {
 public:
  explicit TapTables(cuda::Device& device) : device_(device) {}

  // Nothing that was started needs a table any more; those that follow stay until the next call.
  void begin_image();

  // The table of linear_taps(from, to).
  Result<const LinearTap*> linear(std::int64_t from, std::int64_t to);
  // The table of mean_taps(axis, to).
  Result<const LinearTap*> means(const SlideAxis& axis, std::int64_t to);
  // The table of interpolation_taps(rule, from, to).
  Result<ColumnTaps> interpolation(numeric::Interpolation rule, std::int64_t from, std::int64_t to);
  // interpolation_taps(rule, from, input), composed with linear_taps(view, to).
  Result<ColumnTaps> through_view(numeric::Interpolation rule, std::int64_t from, std::int64_t input,
                                  std::int64_t view, std::int64_t to);

 private:
  enum class Kind : std::uint8_t { linear, means, interpolation, through_view };
  using Key = std::pair<Kind, std::array<std::int64_t, 5>>;

  Result<const LinearTap*> linear(const Key& key, const std::function<ResizeTable()>& make);
  Result<ColumnTaps> weighted(const Key& key, const std::function<WeightedResizeTable()>& make);
  // Where so many bytes may be written on the host, to be uploaded.
  struct Place {
    std::byte* host = nullptr;
    std::byte* device = nullptr;
  };
  Result<Place> take(std::int64_t bytes);
  Status upload(const Place& place, std::int64_t bytes);

  cuda::Device& device_;
  std::vector<Staged> blocks_;
  std::size_t block_ = 0;   // in use
  std::int64_t used_ = 0;   // bytes of it
  std::int64_t total_ = 0;  // bytes of all tables
  std::map<Key, const LinearTap*> linear_;
  std::map<Key, ColumnTaps> weighted_;
};

}  // namespace graphrun::imaging::gpu
