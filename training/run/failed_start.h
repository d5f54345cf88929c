#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace graphrun::training {

// What there was before the start of a run is written, so that a start that fails leaves nothing behind.
class FolderBefore {
 public:
  // Before the run's folder is made.
  explicit FolderBefore(const std::filesystem::path& folder);

  // Looks at what is in the folder, under the name that it has in the end. Once this process alone writes
  // there.
  void look(const std::filesystem::path& folder);
  // Removes the files of a run that were not there then. Without look() nothing: they may be another
  // process's.
  void remove_files() const;
  // Removes folders that were made and are empty again: once the lock is given back, which lies in one.
  void remove_folders() const;

 private:
  std::filesystem::path there_;  // the nearest folder upwards that there was, or the folder itself
  std::filesystem::path folder_;
  std::optional<std::set<std::string>> names_;  // in the folder
};

}  // namespace graphrun::training
