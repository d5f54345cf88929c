#pragma once

#include <string>

#include "runtime/core/status.h"
#include "runtime/weights/weights.h"
#include "tools/support/common_options.h"

namespace graphrun {

// Prepared forms of a weights file from run to run (Weights::use_prepared), in the folder that --cache names:
// one file for each weights file's path, and no more than 4 GiB of them, the oldest of which go first.
class PreparedCache {
 public:
  PreparedCache(const CommonOptions& options, const std::string& weights_path);

  // Before the first session. What cannot be used is as good as absent.
  void use(Weights& weights) const;
  // After the work: keeps what this run had to compute.
  Status keep(const Weights& weights) const;

 private:
  std::string folder_;  // empty: nothing is kept
  std::string path_;
};

}  // namespace graphrun
