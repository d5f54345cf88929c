#pragma once

#include <cstdint>
#include <span>

namespace graphrun::fuzz {

// Files that protect their bytes by checksums would be refused for these after almost every change. A
// target's repair() (repair_TARGET.cpp) writes the checksums that fit; the fuzzer leaves some inputs as they
// are.
void repair(std::span<std::uint8_t> file);

}  // namespace graphrun::fuzz
