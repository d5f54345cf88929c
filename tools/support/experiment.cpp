#include "tools/support/experiment.h"

#include <chrono>
#include <ctime>
#include <system_error>

#include "runtime/core/file.h"
#include "runtime/model/model_file.h"

namespace graphrun {
namespace {

namespace fs = std::filesystem;

const fs::path kLatest = "exp/latest";

Status make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return {ErrorCode::io, path.string() + ": " + error.message()};
  return {};
}

// A symbolic link appears by rename, so that exp/latest is at every moment a run.
Status point_latest_at(const fs::path& folder) {
  std::error_code error;
  const fs::path target = fs::absolute(folder, error);
  fs::create_directories(kLatest.parent_path(), error);
  const fs::path temporary = kLatest.string() + ".new";
  fs::remove(temporary, error);
  fs::create_directory_symlink(fs::relative(target, fs::absolute(kLatest.parent_path())), temporary, error);
  if (!error) fs::rename(temporary, kLatest, error);
  if (error) return {ErrorCode::io, kLatest.string() + ": " + error.message()};
  return {};
}

}  // namespace

fs::path new_run_folder(const std::string& dataset, const std::string& model) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char time[32] = "";
  std::tm parts{};
  if (localtime_r(&now, &parts) != nullptr) std::strftime(time, sizeof(time), "%Y%m%d-%H%M%S", &parts);
  const fs::path base = fs::path("exp") / dataset / model / time;
  fs::path folder = base;
  std::error_code ignored;
  for (int i = 2; fs::exists(folder, ignored); ++i) folder = base.string() + "-" + std::to_string(i);
  return folder;
}

Status start_run_folder(const fs::path& folder, const Program& program, const Descriptor& descriptor,
                        const std::string& config_json) {
  GRAPHRUN_TRY(make_folder(folder / "checkpoints"));
  Model model = program.model();
  model.class_names.clear();
  model.palette.clear();
  for (const ClassInfo& info : descriptor.classes) {
    model.class_names.push_back(info.name);
    model.palette.insert(model.palette.end(), {info.color.r, info.color.g, info.color.b});
  }
  GRAPHRUN_TRY(write_model(model, (folder / "model.fb").string()));
  GRAPHRUN_TRY(write_file(folder / "config.json", config_json));
  return point_latest_at(folder);
}

Result<fs::path> latest_run_folder() {
  std::error_code error;
  const fs::path folder = fs::canonical(kLatest, error);
  if (error)
    return {ErrorCode::not_found,
            "there is no " + kLatest.string() + " here; train first, or give MODEL.fb and --weights"};
  return folder;
}

}  // namespace graphrun
