#include "training/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "runtime/core/atomic_file.h"
#include "runtime/core/guard.h"
#include "runtime/weights/safetensors.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "epoch_";
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::int64_t kMany = std::int64_t{1} << 50;  // iterations, pixels of an epoch

// A finite number, not negative, that is all of the text.
template <class T>
std::optional<T> parse(std::string_view text) {
  T value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  if (!std::isfinite(static_cast<double>(value))) return std::nullopt;
  return value;
}

template <class T>
std::optional<T> number_in(const weights::TensorFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return std::nullopt;
  return parse<T>(found->second);
}

std::string text_of(double value) {
  std::array<char, 32> text{};  // the shortest that reads back as the same bits
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string text_of(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers) text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}

// Leaves the value as it is where the key is missing. False: what is there is no such number.
template <class T>
bool read_optional(const weights::TensorFile& file, const char* key, T& value) {
  if (!file.metadata().contains(key)) return true;
  const std::optional<T> number = number_in<T>(file, key);
  if (number) value = *number;
  return number.has_value();
}

// Reads counts likewise, whose sum is at most kMany.
bool read_optional(const weights::TensorFile& file, const char* key, std::vector<std::int64_t>& numbers) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return true;
  std::int64_t sum = 0;
  for (std::string_view rest = found->second; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto number = parse<std::int64_t>(rest.substr(0, end));
    if (!number || *number > kMany - sum) return false;
    sum += *number;
    numbers.push_back(*number);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return true;
}

// The parameter that training goes on with, where the file has averages too; empty for others.
std::string trained_name(std::string_view name) {
  return name.starts_with(kTrainedPrefix) ? std::string(name.substr(kTrainedPrefix.size())) : std::string();
}

// Epochs of the epoch checkpoints of a run, ascending.
std::vector<std::int64_t> saved_epochs(const fs::path& run_folder) {
  std::vector<std::int64_t> epochs;
  std::error_code error;
  // A folder that goes away meanwhile ends the loop; a range-for would throw.
  for (fs::directory_iterator entry(run_folder / "checkpoints", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t epoch = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), epoch);
    // epoch_007 is somebody's own file, not epoch 7's.
    if (name == epoch_checkpoint(run_folder, epoch).filename()) epochs.push_back(epoch);
  }
  std::ranges::sort(epochs);
  return epochs;
}

struct Furthest {
  std::optional<fs::path> path;
  std::int64_t iteration = -1;
};

Furthest furthest_checkpoint(const fs::path& run_folder) {
  std::vector<fs::path> candidates;
  const std::vector<std::int64_t> epochs = saved_epochs(run_folder);
  if (!epochs.empty()) candidates.push_back(epoch_checkpoint(run_folder, epochs.back()));
  candidates.push_back(interrupted_checkpoint(run_folder));
  candidates.push_back(best_checkpoint(run_folder));
  Furthest furthest;
  for (const fs::path& candidate : candidates) {
    const auto file = weights::TensorFile::open(candidate.string());
    if (!file.ok()) continue;
    const std::int64_t iteration = number_in<std::int64_t>(**file, "iteration").value_or(-1);
    if (iteration <= furthest.iteration) continue;
    furthest = {candidate, iteration};
  }
  return furthest;
}

}  // namespace

Status write_checkpoint(const fs::path& path, std::span<const weights::NamedTensor> tensors,
                        const TrainState& state) try {
  std::map<std::string, std::string> metadata{{"format", "graphrun checkpoint 1"},
                                              {"iteration", std::to_string(state.iteration)},
                                              {"epoch", std::to_string(state.epoch)},
                                              {"seed", std::to_string(state.seed)}};
  if (state.best.epoch > 0) {
    metadata["best_epoch"] = std::to_string(state.best.epoch);
    metadata["best_mIoU"] = text_of(state.best.mean_iou);
    metadata["best_metric"] = state.best.metric;
    metadata["best_value"] = text_of(state.best.value);
  }
  if (state.sums.iterations > 0) {
    metadata["epoch_iterations"] = std::to_string(state.sums.iterations);
    metadata["epoch_loss"] = text_of(state.sums.loss);
    metadata["epoch_confusion"] = text_of(state.sums.confusion);
  }
  GRAPHRUN_TRY(core::make_folders(path.parent_path().string()));
  Status written = weights::write_safetensors(path.string(), tensors, metadata);
  std::error_code ignored;
  if (!written.ok()) fs::remove(path.parent_path(), ignored);  // where nothing is in it
  return written;
} catch (...) {
  return core::caught();
}

bool BestEpoch::take(std::int64_t validated_epoch, const ValidationRecord& validation, const BestMetric& by) {
  const double now = by.value(validation);
  if (epoch > 0 && !by.is_better(now, value)) return false;
  epoch = validated_epoch;
  mean_iou = validation.scores.mean_iou;
  value = now;
  return true;
}

Result<TrainState> read_checkpoint(const fs::path& path, weights::Weights& weights, Averages* averages) try {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(path.string()));
  const auto iteration = number_in<std::int64_t>(*file, "iteration");
  const auto epoch = number_in<std::int64_t>(*file, "epoch");
  const auto seed = number_in<std::uint64_t>(*file, "seed");
  if (!iteration || *iteration > kMany || !epoch || !seed) {
    return {ErrorCode::invalid_file, path.string() +
                                         ": no checkpoint of a training run (its position is not in it); "
                                         "to start from these weights give them with --weights"};
  }
  TrainState state{*iteration, *epoch, *seed, {}, {}};
  if (!read_optional(*file, "best_epoch", state.best.epoch) ||
      !read_optional(*file, "best_mIoU", state.best.mean_iou) ||
      !read_optional(*file, "epoch_iterations", state.sums.iterations) ||
      !read_optional(*file, "epoch_loss", state.sums.loss) ||
      !read_optional(*file, "epoch_confusion", state.sums.confusion)) {
    return {ErrorCode::invalid_file, path.string() + ": the figures of its run are damaged"};
  }
  // Checkpoints of before best_metric were best in mIoU.
  state.best.value = state.best.mean_iou;
  if (const auto metric = file->metadata().find("best_metric"); metric != file->metadata().end())
    state.best.metric = metric->second;
  if (!read_optional(*file, "best_value", state.best.value))
    return {ErrorCode::invalid_file, path.string() + ": the figures of its run are damaged"};
  GRAPHRUN_ASSIGN(const bool has_state, weights.load(*file).with_context(path.string()));
  GRAPHRUN_TRY(status_of(weights.load_some(*file, trained_name).with_context(path.string())));
  if (averages != nullptr) GRAPHRUN_TRY(averages->load(*file).with_context(path.string()));
  if (!has_state) return {ErrorCode::invalid_file, path.string() + ": it lacks the optimiser's state"};
  return state;
} catch (...) {
  return core::caught();
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_folder) {
  return furthest_checkpoint(run_folder).path;
}

std::int64_t iterations_done(const fs::path& run_folder) {
  return std::max<std::int64_t>(furthest_checkpoint(run_folder).iteration, 0);
}

fs::path epoch_checkpoint(const fs::path& run_folder, std::int64_t epoch) {
  return run_folder / "checkpoints" / (std::string(kPrefix) + std::to_string(epoch) + std::string(kSuffix));
}

fs::path best_checkpoint(const fs::path& run_folder) {
  return run_folder / "checkpoints" / ("best" + std::string(kSuffix));
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

}  // namespace graphrun::training
