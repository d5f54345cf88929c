#include "runtime/core/system_memory.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

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

std::optional<std::int64_t> kibibytes_after(const std::string& root, const std::string& word) {
  const auto kibibytes = number_after(root + "/proc/meminfo", word);
  if (!kibibytes) return std::nullopt;
  return *kibibytes * 1024;
}

std::optional<std::int64_t> smaller(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (a && b) return std::min(*a, *b);
  return a ? a : b;
}

// A version of control groups: where its tree is mounted and how its files are called.
struct GroupVersion {
  const char *mount, *controller, *limit, *usage, *cached;
};
constexpr GroupVersion kVersions[] = {{"/sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file"},
                                      {"/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes",
                                       "memory.usage_in_bytes", "total_inactive_file"}};

// The process's own group in the hierarchy of this controller: lines are number:controllers:path. Inside a
// container the path may be that of another view of the tree; the mount's own root is looked at in any case.
std::string own_group(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers.find("," + std::string(controller) + ",") == std::string::npos) continue;
    return line.substr(second + 1);
  }
  return {};
}

// The smallest of what all groups around the process say.
template <class Ask>
std::optional<std::int64_t> in_groups(const std::string& root, const Ask& ask) {
  std::optional<std::int64_t> least;
  for (const GroupVersion& version : kVersions) {
    std::string path = own_group(root, version.controller);
    for (;;) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      least = smaller(least, ask(version, root + version.mount + path + "/"));
      if (path.empty()) break;
      path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
    }
  }
  return least;
}

}  // namespace

std::optional<std::int64_t> available_memory(const std::string& root) {
  // Cached files go when memory is wanted.
  const auto left = [](const GroupVersion& version, const std::string& folder) {
    const auto limit = number_in(folder + version.limit);
    const auto usage = number_in(folder + version.usage);
    const auto cached = number_after(folder + "memory.stat", version.cached);
    if (!limit || !usage) return std::optional<std::int64_t>();
    constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;
    return std::optional(
        std::max<std::int64_t>(0, std::min(*limit, kUnlimited) - *usage + cached.value_or(0)));
  };
  return smaller(kibibytes_after(root, "MemAvailable:"), in_groups(root, left));
}

std::optional<std::int64_t> total_memory(const std::string& root) {
  auto all = kibibytes_after(root, "MemTotal:");
  if (all) *all += kibibytes_after(root, "SwapTotal:").value_or(0);
  const auto limit = [](const GroupVersion& version, const std::string& folder) {
    return number_in(folder + version.limit);
  };
  return smaller(all, in_groups(root, limit));
}

Status check_memory(std::int64_t bytes) {
  constexpr std::int64_t kSmall = std::int64_t{64} << 20;  // that every machine has
  if (bytes <= kSmall) return {};
  const auto all = total_memory();
  if (!all || bytes <= *all) return {};
  return {ErrorCode::out_of_memory,
          std::to_string(bytes) + " bytes of memory; this process may have " + std::to_string(*all)};
}

}  // namespace graphrun::core
