#pragma once

#include <string_view>

namespace graphrun::core {

// A hash of all headers, of the compiler and of its flags: shared objects of graphrun that have the same one
// agree on every class that passes between them. Made by cmake/BuildStamp.cmake.
std::string_view build_stamp() noexcept;

// Its first 12 digits and CMake's kind of build, for people.
std::string_view build_name() noexcept;

}  // namespace graphrun::core
