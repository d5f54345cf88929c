#include "training/jobs/describe.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/core/guard.h"
#include "runtime/weights/tensor_file.h"
#include "training/checkpoint.h"
#include "training/run/run_folder.h"
#include "training/run/run_lock.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

// "iteration 20, epoch 2, seed 3; best epoch 1 with mIoU 0.31" of a checkpoint of a run; else empty.
std::string position_of(const weights::TensorFile& file) {
  const std::map<std::string, std::string>& metadata = file.metadata();
  const auto value = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  if (value("iteration").empty()) return {};
  std::string text = fmt::format("iteration {}, {} whole epochs, seed {}", value("iteration"), value("epoch"),
                                 value("seed"));
  if (!value("best_epoch").empty())
    text += fmt::format("; best epoch {}, mIoU {}", value("best_epoch"), value("best_mIoU"));
  if (!value("best_metric").empty() && value("best_metric") != "mIoU")
    text += fmt::format(", best in {}: {}", value("best_metric"), value("best_value"));
  return text;
}

}  // namespace

Result<std::string> describe_run(const fs::path& folder) try {
  GRAPHRUN_ASSIGN(const RunRecord record, read_run_record(folder));
  std::string text = fmt::format("run of data set {} in {}\n", record.dataset, record.precision);
  if (record.data_root) text += fmt::format("  data in {}\n", record.data_root->string());
  std::error_code ignored;
  const std::optional<fs::path> last = latest_checkpoint(folder);
  for (const auto& [name, checkpoint] :
       {std::pair("last", last), std::pair("best", std::optional(best_checkpoint(folder)))}) {
    if (!checkpoint || !fs::exists(*checkpoint, ignored)) continue;
    GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                    weights::TensorFile::open(checkpoint->string()));
    text += fmt::format("  {}  {}: {}\n", name, checkpoint->filename().string(), position_of(*file));
  }
  if (!last) text += "  no checkpoint yet\n";
  const Status held = RunLock::check(folder);
  if (!held.ok()) text += "  a process is writing it now\n";
  return text;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
