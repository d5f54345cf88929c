#pragma once

#include <boost/test/unit_test.hpp>
#include <utility>

#include "graphrun/status.h"

namespace graphrun::test {

// The value; without one the test ends with the error's message.
template <class T>
T require(Result<T> result) {
  if (!result.ok()) BOOST_FAIL(result.status().message());
  return *std::move(result);
}

inline void require(const Status& status) {
  if (!status.ok()) BOOST_FAIL(status.message());
}

}  // namespace graphrun::test
