#pragma once

#include <filesystem>

namespace graphrun::cpu {

// Where the kernel tells of control groups: their file systems, and which groups this process is in.
struct ControlGroups {
  std::filesystem::path root = "/sys/fs/cgroup";
  std::filesystem::path membership = "/proc/self/cgroup";
};

// How many processors this thread may use at once: those of its affinity, and no more than the share of time
// that its control groups and those above them allow (versions 2 and 1), rounded up. At least 1.
int usable_processors();
int usable_processors(const ControlGroups& groups);

}  // namespace graphrun::cpu
