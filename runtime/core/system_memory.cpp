#include "runtime/core/system_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace graphrun::core {
namespace {

// A file that holds one number; "max" is none.
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// The number after a word.
std::optional<std::int64_t> number_after(const std::string& path, const std::string& word) {
  std::ifstream file(path);
  for (std::string found; file >> found;) {
    std::int64_t number = 0;
    if (found == word && file >> number) return number;
  }
  return std::nullopt;
}

std::optional<std::int64_t> system_memory() {
  const auto kibibytes = number_after("/proc/meminfo", "MemAvailable:");
  if (!kibibytes) return std::nullopt;
  return *kibibytes * 1024;
}

// Versions 2 and 1 of control groups, seen from inside one, as in containers. Cached files go when memory is
// wanted.
std::optional<std::int64_t> group_memory() {
  struct Files {
    const char *folder, *limit, *usage, *cached;
  };
  constexpr Files kVersions[] = {
      {"/sys/fs/cgroup/", "memory.max", "memory.current", "inactive_file"},
      {"/sys/fs/cgroup/memory/", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};
  for (const Files& files : kVersions) {
    const std::string folder = files.folder;
    const auto limit = number_in(folder + files.limit);
    const auto usage = number_in(folder + files.usage);
    const auto cached = number_after(folder + "memory.stat", files.cached);
    if (limit && usage) return std::max<std::int64_t>(0, *limit - *usage + cached.value_or(0));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> available_memory() {
  const auto system = system_memory();
  const auto group = group_memory();
  if (system && group) return std::min(*system, *group);
  return system ? system : group;
}

}  // namespace graphrun::core
