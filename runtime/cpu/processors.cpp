#include "runtime/cpu/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace graphrun::cpu {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

int processors_of_affinity() {
  // The kernel refuses a mask that is smaller than its own.
  constexpr std::size_t kMaxProcessors = 1 << 16;
  std::vector<cpu_set_t> mask(kMaxProcessors / CPU_SETSIZE);
  const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
  if (sched_getaffinity(0, bytes, mask.data()) != 0) return 1;
  return std::max(1, CPU_COUNT_S(bytes, mask.data()));
}

// Processors' worth of time; a file that is missing, says "max" or -1, or cannot be read is no limit.
double quota(const std::string& quota_text, double period) {
  const double microseconds = std::strtod(quota_text.c_str(), nullptr);
  return microseconds > 0 && period > 0 ? microseconds / period : kNoLimit;
}

double quota_v2(const std::filesystem::path& folder) {
  std::ifstream file(folder / "cpu.max");
  std::string microseconds;
  double period = 0;
  return file >> microseconds >> period ? quota(microseconds, period) : kNoLimit;
}

double quota_v1(const std::filesystem::path& folder) {
  std::ifstream quota_file(folder / "cpu.cfs_quota_us");
  std::ifstream period_file(folder / "cpu.cfs_period_us");
  std::string microseconds;
  double period = 0;
  return quota_file >> microseconds && period_file >> period ? quota(microseconds, period) : kNoLimit;
}

// The least of the limits from a group up to the root of what is mounted. A container often sees its own
// group as the root, whatever the path that the membership gives.
template <class Quota>
double least(const std::filesystem::path& mount, const std::filesystem::path& group, const Quota& quota_of) {
  double limit = quota_of(mount);
  std::filesystem::path folder = mount;
  for (const std::filesystem::path& part : group.relative_path()) {
    if (part == "..") return limit;
    folder /= part;
    limit = std::min(limit, quota_of(folder));
  }
  return limit;
}

}  // namespace

int usable_processors() {
  // An object of its own, not a default argument: where a path of a temporary cannot be had, GCC 12 destroys
  // the temporary in a conditional expression as if it were whole.
  const ControlGroups groups;
  return usable_processors(groups);
}

int usable_processors(const ControlGroups& groups) {
  double limit = kNoLimit;
  std::ifstream membership(groups.membership);
  // Lines are hierarchy:controllers:path; version 2 has no controllers there.
  for (std::string line; std::getline(membership, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::filesystem::path group = line.substr(second + 1);
    if (controllers.empty()) {
      limit = std::min(limit, least(groups.root, group, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      limit = std::min(limit, least(groups.root / "cpu", group, quota_v1));
    }
  }
  const int allowed = processors_of_affinity();
  return limit < allowed ? std::max(1, static_cast<int>(std::ceil(limit))) : allowed;
}

}  // namespace graphrun::cpu
