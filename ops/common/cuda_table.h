#pragma once

#include <span>
#include <utility>

#include "runtime/cuda/device.h"

namespace graphrun::ops {

// What a kernel looks up while it runs, in device memory of its own, written when the kernel is prepared. The
// device must outlive it.
template <class T>
class DeviceTable {
 public:
  static Result<DeviceTable> upload(cuda::Device& device, std::span<const T> values) {
    const auto bytes = static_cast<std::int64_t>(values.size_bytes());
    GRAPHRUN_ASSIGN(void* const data, device.allocate(bytes));
    DeviceTable table(device, static_cast<T*>(data));
    GRAPHRUN_TRY(device.copy_to_device(data, values.data(), bytes));
    return Result<DeviceTable>(std::move(table));
  }
  DeviceTable(DeviceTable&& other) noexcept
      : device_(other.device_), data_(std::exchange(other.data_, nullptr)) {}
  DeviceTable& operator=(DeviceTable&&) = delete;
  ~DeviceTable() {
    if (data_ != nullptr) device_->free(data_);
  }
  const T* data() const { return data_; }

 private:
  DeviceTable(cuda::Device& device, T* data) : device_(&device), data_(data) {}

  cuda::Device* device_;
  T* data_;
};

}  // namespace graphrun::ops
