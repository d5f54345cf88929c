#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "graphrun/api.h"

// Errors are values. No function of this library throws across its interface, prints or exits; what can fail
// for a reason outside the program (a file, an attribute, a shape, memory) returns Status or Result<T>.
//
//     graphrun::Result<Answer> answer = ask();
//     if (!answer.ok()) return std::fprintf(stderr, "%s\n", answer.status().message().c_str()), 1;
//     use(*answer);
namespace graphrun {

enum class ErrorCode {
  invalid_argument,  // the caller's arguments do not fit together
  usage,             // a program's command line is wrong
  invalid_file,      // bytes that are not what the format demands
  not_found,         // a file, a name, a data set that does not exist
  io,                // the operating system refused
  shape,             // tensors that do not fit a node; the message gives node, expected and actual shape
  unsupported,       // correct, but not possible with this build, device or kernel
  out_of_memory,     // the message gives what was asked for
  declined,          // a kernel candidate does not take this node; the next one is asked
  interrupted,       // stopped by a signal
  internal,          // a broken promise inside graphrun
};

GRAPHRUN_API std::string_view to_string(ErrorCode code);

// Success, or an error code with a message. Success costs one null pointer; copies share the message and
// never fail. Where there is no memory for a message, the error is out_of_memory instead.
class [[nodiscard]] GRAPHRUN_API Status {
 public:
  Status() noexcept = default;
  Status(ErrorCode code, std::string message) noexcept;
  Status(const Status& other) noexcept : error_(other.error_ == nullptr ? nullptr : share(other.error_)) {}
  Status(Status&& other) noexcept : error_(std::exchange(other.error_, nullptr)) {}
  Status& operator=(Status other) noexcept {
    std::swap(error_, other.error_);
    return *this;
  }
  ~Status() {
    if (error_ != nullptr) release(error_);
  }

  // out_of_memory, without allocating anything.
  static Status no_memory() noexcept;

  bool ok() const noexcept { return error_ == nullptr; }
  // Precondition: !ok().
  ErrorCode code() const noexcept;
  // One line that says what went wrong; empty for success.
  const std::string& message() const noexcept;

  // Puts "where: " before the message of an error; success stays success.
  Status with_context(std::string_view where) && noexcept;

 private:
  struct Error;
  explicit Status(Error* error) noexcept : error_(error) {}
  static Error* share(Error* error) noexcept;
  static void release(Error* error) noexcept;
  Error* error_ = nullptr;
};

// A T, or the Status (never success) that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}         // NOLINT: implicit on purpose
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {}  // NOLINT: implicit on purpose
  Result(ErrorCode code, std::string message) : Result(Status(code, std::move(message))) {}

  bool ok() const { return state_.index() == 0; }
  // Precondition: !ok() for status(), ok() for the others; a wrong call aborts.
  const Status& status() const& { return require(std::get_if<1>(&state_)); }
  Status status() && { return std::move(require(std::get_if<1>(&state_))); }
  T& operator*() & { return require(std::get_if<0>(&state_)); }
  const T& operator*() const& { return require(std::get_if<0>(&state_)); }
  T&& operator*() && { return std::move(require(std::get_if<0>(&state_))); }
  T* operator->() { return &require(std::get_if<0>(&state_)); }
  const T* operator->() const { return &require(std::get_if<0>(&state_)); }

  Result with_context(std::string_view where) && {
    if (!ok()) return std::move(*this).status().with_context(where);
    return std::move(*this);
  }

 private:
  template <class P>
  static P& require(P* p) {
    if (p == nullptr) std::abort();
    return *p;
  }
  std::variant<T, Status> state_;
};

template <class T>
Status status_of(Result<T>&& result) {
  return result.ok() ? Status() : std::move(result).status();
}
inline Status status_of(Status status) { return status; }

}  // namespace graphrun

// Early return cannot be a function. `GRAPHRUN_TRY(f())` returns f's error from the enclosing function;
// `GRAPHRUN_ASSIGN(auto x, g())` does so for a Result and otherwise moves its value into x.
#define GRAPHRUN_TRY(expression)                                                           \
  do {                                                                                     \
    if (auto graphrun_status = ::graphrun::status_of(expression); !graphrun_status.ok()) { \
      return graphrun_status;                                                              \
    }                                                                                      \
  } while (false)
#define GRAPHRUN_CONCAT_(a, b) a##b
#define GRAPHRUN_CONCAT(a, b) GRAPHRUN_CONCAT_(a, b)
#define GRAPHRUN_ASSIGN(target, expression)                                 \
  auto GRAPHRUN_CONCAT(graphrun_result_, __LINE__) = (expression);          \
  if (!GRAPHRUN_CONCAT(graphrun_result_, __LINE__).ok()) {                  \
    return std::move(GRAPHRUN_CONCAT(graphrun_result_, __LINE__)).status(); \
  }                                                                         \
  target = *std::move(GRAPHRUN_CONCAT(graphrun_result_, __LINE__))
