#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "graphrun/status.h"

namespace graphrun::core {

// What a reader may keep in memory of the bytes that it reads: so many times their number, and a floor that
// leaves small files alone. It is charged before memory is taken, so that no file, however it repeats or
// refers to itself, grows beyond a multiple of what a stranger had to send.
class ReadBudget {
 public:
  // `what` names what is kept, for the error: "the tensors".
  ReadBudget(std::string what, std::size_t bytes_read, std::int64_t times, std::int64_t floor)
      : what_(std::move(what)), left_(static_cast<std::int64_t>(bytes_read) * times + floor) {}

  // Errors: invalid_file, when the budget does not have that much.
  Status charge(std::int64_t bytes) {
    if (bytes > left_) return {ErrorCode::invalid_file, what_ + " are far larger than their file"};
    left_ -= bytes;
    return {};
  }

 private:
  std::string what_;
  std::int64_t left_;
};

}  // namespace graphrun::core
