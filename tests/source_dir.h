#pragma once

#include <cstdlib>
#include <filesystem>

namespace graphrun::test {

// The source tree: the environment's GRAPHRUN_TEST_SOURCE where tests run elsewhere than they were built.
inline std::filesystem::path source_dir() {
  const char* const elsewhere = std::getenv("GRAPHRUN_TEST_SOURCE");
  return elsewhere == nullptr ? GRAPHRUN_SOURCE_DIR : elsewhere;
}

}  // namespace graphrun::test
