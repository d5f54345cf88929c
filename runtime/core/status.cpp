#include "graphrun/status.h"

#include <atomic>
#include <new>

namespace graphrun {

struct Status::Error {
  ErrorCode code;
  std::string message;
  std::atomic<int> owners{1};
};

// The error that needs no memory: made once, in place, of a text that a string holds inside itself, and never
// destroyed, so that statuses of other threads stay valid while the program ends.
Status Status::no_memory() noexcept {
  alignas(Error) static unsigned char memory[sizeof(Error)];
  static Error* const error = new (memory) Error{ErrorCode::out_of_memory, "out of memory"};
  return Status(share(error));
}

Status::Status(ErrorCode code, std::string message) noexcept
    : error_(new (std::nothrow) Error{code, std::move(message)}) {
  if (error_ == nullptr) *this = no_memory();
}

Status::Error* Status::share(Error* error) noexcept {
  error->owners.fetch_add(1, std::memory_order_relaxed);
  return error;
}

void Status::release(Error* error) noexcept {
  if (error->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete error;
}

ErrorCode Status::code() const noexcept { return error_ == nullptr ? ErrorCode::internal : error_->code; }

const std::string& Status::message() const noexcept {
  alignas(std::string) static unsigned char memory[sizeof(std::string)];
  static const std::string* const none = new (memory) std::string();
  return error_ == nullptr ? *none : error_->message;
}

Status Status::with_context(std::string_view where) && noexcept {
  if (error_ == nullptr) return {};
  try {
    std::string text(where);
    text += ": ";
    text += error_->message;
    return {error_->code, std::move(text)};
  } catch (...) {
    return std::move(*this);  // the error itself matters more than its place
  }
}

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid argument";
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::invalid_file:
      return "invalid file";
    case ErrorCode::not_found:
      return "not found";
    case ErrorCode::io:
      return "input/output";
    case ErrorCode::shape:
      return "shape";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::out_of_memory:
      return "out of memory";
    case ErrorCode::declined:
      return "declined";
    case ErrorCode::interrupted:
      return "interrupted";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace graphrun
