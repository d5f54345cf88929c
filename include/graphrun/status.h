#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Errors are values. No function of this library throws across its interface, prints or exits; what can fail
// for a reason outside the program (a file, an attribute, a shape, memory) returns Status or Result<T>.
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

std::string_view to_string(ErrorCode code);

// Success, or an error code with a message. Success costs one null pointer.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : error_(new Error{code, std::move(message)}) {}
  Status(const Status& other) : error_(other.error_ ? new Error(*other.error_) : nullptr) {}
  Status(Status&&) noexcept = default;
  Status& operator=(const Status& other) {
    if (this != &other) error_.reset(other.error_ ? new Error(*other.error_) : nullptr);
    return *this;
  }
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  bool ok() const { return error_ == nullptr; }
  // Precondition of both: !ok().
  ErrorCode code() const { return error_->code; }
  const std::string& message() const { return error_->message; }

  // The same error with "where: " before its message; success stays success.
  Status in(std::string_view where) && {
    if (error_) error_->message.insert(0, std::string(where) + ": ");
    return std::move(*this);
  }

 private:
  struct Error {
    ErrorCode code;
    std::string message;
  };
  std::unique_ptr<Error> error_;
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

  Result in(std::string_view where) && {
    if (!ok()) return std::move(*this).status().in(where);
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
