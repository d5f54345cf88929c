#include "tools/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <vector>

#include "runtime/weights/safetensors.h"

namespace graphrun {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "epoch_";
constexpr std::string_view kSuffix = ".safetensors";

std::optional<std::int64_t> number_in(const TensorFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

// Epochs of the epoch checkpoints of a run, ascending.
std::vector<std::int64_t> saved_epochs(const fs::path& run_folder) {
  std::vector<std::int64_t> epochs;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(run_folder / "checkpoints", ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    std::int64_t epoch = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, epoch);
    if (error == std::errc() && stop == end) epochs.push_back(epoch);
  }
  std::ranges::sort(epochs);
  return epochs;
}

}  // namespace

Status write_checkpoint(const fs::path& path, const Weights& weights, const TrainPosition& position) {
  std::vector<std::byte> storage;
  GRAPHRUN_ASSIGN(const std::vector<NamedTensor> tensors, weights.snapshot(true, storage));
  return write_safetensors(path.string(), tensors,
                           {{"format", "graphrun checkpoint 1"},
                            {"iteration", std::to_string(position.iteration)},
                            {"epoch", std::to_string(position.epoch)},
                            {"seed", std::to_string(position.seed)}});
}

Result<TrainPosition> read_checkpoint(const fs::path& path, Weights& weights) {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const TensorFile> file, TensorFile::open(path.string()));
  const auto iteration = number_in(*file, "iteration");
  const auto epoch = number_in(*file, "epoch");
  const auto seed = number_in(*file, "seed");
  if (!iteration || !epoch || !seed) {
    return {ErrorCode::invalid_file, path.string() +
                                         ": no checkpoint of a training run (its position is not in it); "
                                         "to start from these weights give them with --weights"};
  }
  GRAPHRUN_ASSIGN(const bool has_state, weights.load(*file).in(path.string()));
  if (!has_state) return {ErrorCode::invalid_file, path.string() + ": it lacks the optimiser's state"};
  return TrainPosition{*iteration, *epoch, static_cast<std::uint64_t>(*seed)};
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_folder) {
  std::vector<fs::path> candidates;
  const std::vector<std::int64_t> epochs = saved_epochs(run_folder);
  if (!epochs.empty()) candidates.push_back(epoch_checkpoint(run_folder, epochs.back()));
  candidates.push_back(interrupted_checkpoint(run_folder));
  std::optional<fs::path> best;
  std::int64_t best_iteration = -1;
  for (const fs::path& candidate : candidates) {
    const auto file = TensorFile::open(candidate.string());
    if (!file.ok()) continue;
    const std::int64_t iteration = number_in(**file, "iteration").value_or(-1);
    if (iteration <= best_iteration) continue;
    best = candidate;
    best_iteration = iteration;
  }
  return best;
}

fs::path epoch_checkpoint(const fs::path& run_folder, std::int64_t epoch) {
  return run_folder / "checkpoints" / (std::string(kPrefix) + std::to_string(epoch) + std::string(kSuffix));
}

fs::path interrupted_checkpoint(const fs::path& run_folder) {
  return run_folder / "checkpoints" / ("interrupted" + std::string(kSuffix));
}

void prune_checkpoints(const fs::path& run_folder, std::int64_t keep) {
  const std::vector<std::int64_t> epochs = saved_epochs(run_folder);
  std::error_code ignored;
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < epochs.size(); ++i) {
    fs::remove(epoch_checkpoint(run_folder, epochs[i]), ignored);
  }
}

}  // namespace graphrun
