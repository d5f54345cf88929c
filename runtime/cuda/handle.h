#pragma once

#include <utility>

namespace graphrun::cuda {

// Owns what a C library gave by a pointer and takes back by `destroy`. Move-only; null: nothing.
template <class T, auto destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T handle) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() {
    if (handle_ != nullptr) destroy(handle_);
  }
  T get() const { return handle_; }

 private:
  T handle_ = nullptr;
};

}  // namespace graphrun::cuda
