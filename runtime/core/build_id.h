#pragma once

#include <string>

namespace graphrun::core {

// The linker's mark (NT_GNU_BUILD_ID, hexadecimal) of the program or shared library that this address is in,
// such as a function's: another build has another one. Empty where it was linked without.
std::string build_id(const void* address);

}  // namespace graphrun::core
