#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "datasets/dataset.h"
#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "training/run/run_folder.h"

namespace graphrun::training {

// The data of a job: a data set that a descriptor describes, or the caller's own.
struct JobData {
  std::string name;  // of the data set, or the path of its descriptor
  std::string root;  // folder of its files; empty: where find_data_root() finds them
  // The caller's own data: name and classes, and the samples of each split. Null: read as `name` says.
  std::shared_ptr<const datasets::Descriptor> own{};
  std::map<std::string, std::shared_ptr<const datasets::Dataset>> own_splits{};

  std::optional<std::filesystem::path> root_path() const {
    return root.empty() ? std::nullopt : std::optional<std::filesystem::path>(root);
  }
  Result<datasets::Descriptor> descriptor() const;
  Result<std::shared_ptr<const datasets::Dataset>> open(const datasets::Descriptor& descriptor,
                                                        const std::string& split) const;
  // What run.json keeps of it.
  RunRecord record() const { return make_run_record(name, root); }
};

}  // namespace graphrun::training
