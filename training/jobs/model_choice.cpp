#include "training/jobs/model_choice.h"

#include <optional>
#include <system_error>

#include "runtime/core/guard.h"
#include "training/checkpoint.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool names_checkpoint(const std::string& weights) { return weights == "best" || weights == "last"; }

}  // namespace

Result<std::string> checkpoint_of(const fs::path& run, const std::string& weights) {
  if (!weights.empty() && !names_checkpoint(weights)) return weights;
  if (weights == "best") {
    std::error_code ignored;
    const fs::path best = best_checkpoint(run);
    if (fs::exists(best, ignored)) return best.string();
    return {ErrorCode::not_found,
            "--weights best: " + run.string() +
                " has no best checkpoint, since it was trained without validation (--set evaluate=true); "
                "--weights last is its last one"};
  }
  const std::optional<fs::path> checkpoint = latest_checkpoint(run);
  if (checkpoint) return checkpoint->string();
  return {ErrorCode::not_found, run.string() + ": it has no checkpoint yet"};
}

Result<ModelChoice> choose_model(const std::string& model, const std::string& weights) try {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) {
    if (names_checkpoint(weights) && !fs::exists(weights, ignored)) {
      return {
          ErrorCode::usage,
          "--weights " + weights + " is a run's checkpoint: give the run's folder in the place of the model"};
    }
    return ModelChoice{{}, model, weights};
  }
  const fs::path file = fs::path(model) / "model.fb";
  if (!fs::exists(file, ignored)) {
    return {ErrorCode::not_found,
            model +
                ": is a folder, but no run's (there is no model.fb in it); expected MODEL.fb, a bundle or "
                "the folder of a run"};
  }
  GRAPHRUN_ASSIGN(std::string checkpoint, checkpoint_of(model, weights));
  return ModelChoice{model, file.string(), std::move(checkpoint)};
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
