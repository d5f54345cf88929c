#pragma once

#include <string>

#include "graphrun/status.h"
#include "runtime/weights/weights.h"
#include "tools/grun/common_options.h"

namespace graphrun::tools {

// Prepared forms of a weights file from run to run (Weights::use_prepared), in the folder that --cache names:
// one file for each weights file's path, precision, build and CPU, readable by the user alone. Beside the one
// that was just written no more than 4 GiB stay; those that were not used for longest go first.
class PreparedCache {
 public:
  // Error: --cache names a folder that cannot be made.
  static Result<PreparedCache> open(const CommonOptions& options, const std::string& weights_path,
                                    const weights::Weights& weights);

  // Before the first session. What cannot be used is as good as absent; with -v this is said.
  void use(weights::Weights& weights) const;
  // After the work: keeps what this run had to compute. Failure is a warning.
  void keep(const weights::Weights& weights) const;

 private:
  std::string path_;  // empty: nothing is kept
  bool quiet_ = false, verbose_ = false;
};

}  // namespace graphrun::tools
