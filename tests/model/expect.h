#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "graphrun/status.h"

namespace graphrun::test {

// The message of an error; empty for success.
inline std::string message_of(const Status& status) { return status.ok() ? std::string() : status.message(); }
template <class T>
std::string message_of(const Result<T>& result) {
  return result.ok() ? std::string() : result.status().message();
}

// The value; an error ends the test with its message.
template <class T>
T require(Result<T> result) {
  BOOST_REQUIRE_EQUAL(message_of(result), "");
  return *std::move(result);
}

// That there is an error whose message has `part`.
inline void expect_error(const std::string& message, const std::string& part, const std::string& what = "") {
  const bool as_expected = !message.empty() && message.find(part) != std::string::npos;
  BOOST_CHECK_MESSAGE(as_expected, what << ": expected \"..." << part << "...\", got \"" << message << "\"");
}

}  // namespace graphrun::test
