#include "training/run/evaluations.h"

#include <system_error>

namespace graphrun::training {

namespace fs = std::filesystem;

std::vector<EvaluationFolder> find_evaluations(const fs::path& run) {
  constexpr int kDepth = 3;
  constexpr std::size_t kMany = 10000;
  std::vector<EvaluationFolder> found;
  std::error_code error;
  const fs::path results = run / "result";
  std::size_t seen = 0;
  for (fs::recursive_directory_iterator entry(results, error), end; !error && entry != end && ++seen < kMany;
       entry.increment(error)) {
    if (entry.depth() == kDepth) entry.disable_recursion_pending();
    if (entry.depth() != kDepth || entry->path().filename() != "metrics.json") continue;
    const fs::path protocol = entry->path().parent_path();
    const fs::path split = protocol.parent_path();
    std::error_code ignored;
    found.push_back({protocol, split.parent_path().filename().string(), split.filename().string(),
                     protocol.filename().string(), entry->last_write_time(ignored)});
  }
  return found;
}

}  // namespace graphrun::training
