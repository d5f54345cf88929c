#include "runtime/core/guard.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

namespace graphrun::core {
namespace {

// Threads that cannot be started are a lack of memory or of their number, not of a file.
Status status_of(const std::system_error& error) {
  if (error.code() == std::errc::resource_unavailable_try_again) {
    return {ErrorCode::out_of_memory,
            "a thread cannot be started (" + error.code().message() +
                "): the limit of processes (ulimit -u) or of memory (ulimit -v) is reached"};
  }
  const bool lacks = error.code() == std::errc::not_enough_memory;
  return {lacks ? ErrorCode::out_of_memory : ErrorCode::io, error.what()};
}

Status translated() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Status::no_memory();
  } catch (const std::length_error&) {
    return Status::no_memory();
  } catch (const std::system_error& error) {
    return status_of(error);
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal, "an exception of an unknown type"};
  }
}

}  // namespace

Status caught() noexcept {
  try {
    return translated();
  } catch (...) {
    return Status::no_memory();  // for the text of the message
  }
}

}  // namespace graphrun::core
