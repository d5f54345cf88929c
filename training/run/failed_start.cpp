#include "training/run/failed_start.h"

#include <system_error>
#include <vector>

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool is_of_a_run(const std::string& name) {
  for (const char* known :
       {"model.fb", "config.json", "run.json", "metrics.jsonl", "epochs.jsonl", "checkpoints"}) {
    if (name == known) return true;
  }
  return name.starts_with("events.out.tfevents.");
}

fs::path normal_path(const fs::path& folder) {
  std::error_code ignored;
  fs::path path = fs::absolute(folder, ignored).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

FolderBefore::FolderBefore(const fs::path& folder) : there_(normal_path(folder)) {
  std::error_code error;
  while (!fs::exists(there_, error) && there_.has_relative_path()) there_ = there_.parent_path();
}

void FolderBefore::look(const fs::path& folder) {
  folder_ = normal_path(folder);
  names_.emplace();
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
    names_->insert(entry->path().filename().string());
}

void FolderBefore::remove_files() const {
  if (!names_) return;
  std::error_code ignored;
  std::vector<fs::path> made;
  for (fs::directory_iterator entry(folder_, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (is_of_a_run(name) && !names_->contains(name)) made.push_back(entry->path());
  }
  for (const fs::path& path : made) fs::remove(path, ignored);  // a folder only if it is empty
}

void FolderBefore::remove_folders() const {
  if (!names_) return;
  std::error_code ignored;
  fs::path upwards = folder_;
  while (upwards != there_ && upwards.has_relative_path() && fs::remove(upwards, ignored))
    upwards = upwards.parent_path();
}

}  // namespace graphrun::training
