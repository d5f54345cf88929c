#pragma once

#include <string>
#include <string_view>

#include "graphrun/dtype.h"

namespace graphrun::weights {

// Where prepared forms of a weights file are kept from run to run (Weights::map), in a folder "prepared": one
// file for each weights file's path, choice of its tensors, precision, build and CPU, readable by the user
// alone. Beside the one that was just written no more than 4 GiB stay; those that were not used for longest
// go first.
class PackedWeightsFolder {
 public:
  PackedWeightsFolder() = default;  // nothing is kept
  // `folder`: of what is computed once; empty: nothing is kept. `weights_path`: where the weights are from.
  PackedWeightsFolder(std::string folder, std::string weights_path, DType precision);

  bool keeps_nothing() const { return folder_.empty(); }
  // The file of the forms that `maker`, a device with its build, makes of the tensors that `selection` tells
  // apart. Empty: nothing is kept.
  std::string path_for(std::string_view maker, std::string_view selection) const;

  // To be told of a file that was read or written.
  static void was_used(const std::string& path);
  static void was_written(const std::string& path);

 private:
  std::string folder_;  // empty: nothing is kept
  std::string weights_path_;
  DType precision_ = DType::f32;
};

}  // namespace graphrun::weights
