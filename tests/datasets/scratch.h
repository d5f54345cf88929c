#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/core/file.h"

namespace graphrun::test {

// A folder of its own for each test, removed with it.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "graphrun_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Real data that is not part of the repository: $GRAPHRUN_SHARED or ../shared beside it. Empty where it is
// missing.
inline std::optional<std::filesystem::path> shared_data(const std::string& name) {
  const char* given = std::getenv("GRAPHRUN_SHARED");
  const std::filesystem::path shared =
      given != nullptr ? std::filesystem::path(given)
                       : std::filesystem::canonical(GRAPHRUN_SOURCE_DIR) / ".." / "shared";
  const auto path = shared / "data" / name;
  if (!std::filesystem::is_directory(path)) return std::nullopt;
  return path;
}

}  // namespace graphrun::test
