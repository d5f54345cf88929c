#pragma once

#include <utility>

#include "graphrun/status.h"

namespace graphrun::core {

// No exception leaves the library: the body of every function that a program may call from outside either
// runs in guard(), or ends itself with
//
//     } catch (...) {
//       return core::caught();
//     }

// The error that the exception in flight stands for: memory (bad_alloc, length_error, a thread that cannot be
// started) is out_of_memory, the operating system's refusals are io, anything else is internal. Precondition:
// called in a catch block.
Status caught() noexcept;

// What body() returns, a Status or a Result; what it throws becomes an error. Every function that a program
// may call from outside has its body in here, so that no exception leaves the library.
template <class Body>
auto guard(Body&& body) noexcept -> decltype(std::forward<Body>(body)()) {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    return caught();
  }
}

}  // namespace graphrun::core
