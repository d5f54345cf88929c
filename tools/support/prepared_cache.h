#pragma once

#include <string>

#include "runtime/core/status.h"
#include "runtime/weights/weights.h"
#include "tools/support/common_options.h"

namespace graphrun {

// Prepared forms of a weights file from run to run (Weights::use_prepared), in the folder that --cache names:
// one file for each weights file's path, precision, build and CPU, readable by the user alone. Beside the one
// that was just written no more than 4 GiB stay; those that were not used for longest go first.
class PreparedCache {
 public:
  // Error: --cache names a folder that cannot be made.
  static Result<PreparedCache> open(const CommonOptions& options, const std::string& weights_path,
                                    const Weights& weights);

  // Before the first session. What cannot be used is as good as absent; with -v this is said.
  void use(Weights& weights) const;
  // After the work: keeps what this run had to compute. Failure is a warning.
  void keep(const Weights& weights) const;

 private:
  std::string path_;  // empty: nothing is kept
  bool quiet_ = false, verbose_ = false;
};

}  // namespace graphrun
