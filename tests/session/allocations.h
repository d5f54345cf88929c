#pragma once

#include <cstdint>

namespace graphrun::test {

// Calls of operator new in this program so far, by any thread.
struct Allocations {
  std::int64_t by_onednn = 0;  // from inside the library's own code
  std::int64_t others = 0;
};
Allocations allocations();

// Mutexes that this program's own code has locked so far, in any thread; not those inside of libraries.
std::int64_t locks();

}  // namespace graphrun::test
