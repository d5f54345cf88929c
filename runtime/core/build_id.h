#pragma once

#include <string>

namespace graphrun {

// The linker's mark (NT_GNU_BUILD_ID, hexadecimal) of the program or shared library that this code is in:
// another build has another one. Empty where it was linked without.
std::string build_id();

}  // namespace graphrun
