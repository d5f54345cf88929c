#pragma once

#include <string>

#include "graphrun/status.h"
#include "runtime/weights/weights.h"

namespace graphrun::weights {

// Keeps the prepared forms of a weights file from run to run (Weights::load_packed), in a folder "prepared":
// one file for each weights file's path, precision, build and CPU, readable by the user alone. Beside the one
// that was just written no more than 4 GiB stay; those that were not used for longest go first. What cannot
// be used or written is no error of the work: it is a note.
class PackedWeightsFolder {
 public:
  PackedWeightsFolder() = default;  // nothing is kept
  // `folder`: of what is computed once; empty: nothing is kept. `weights_path`: where the weights are from.
  PackedWeightsFolder(const std::string& folder, const std::string& weights_path, DType precision,
                      const Weights& weights);

  // Before the first session. The note says why a file that is there is of no use; empty: nothing to say.
  std::string use(Weights& weights) const;
  // After the work: keeps what this run had to compute. The note says why not; empty: kept, or nothing to
  // keep.
  std::string keep(const Weights& weights) const;

 private:
  std::string path_;  // empty: nothing is kept
};

}  // namespace graphrun::weights
