#pragma once

#include <map>
#include <memory>
#include <string>

#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/weights/tensor_file.h"
#include "runtime/weights/weights.h"

namespace graphrun::weights {

// What stands for MODEL on a command line, opened: MODEL.fb, or a bundle, which has the weights too.
struct ModelSource {
  std::string path;
  std::shared_ptr<const model::Program> program;  // late parameters as the file has them
  std::shared_ptr<const TensorFile> weights;      // null: the file has none
  std::string protocol;                         // JSON (labelling/protocol_json.h); empty: the file has none
  std::map<std::string, std::string> metadata;  // of a bundle

  bool is_bundle() const { return weights != nullptr; }
};
// Told apart by content. The registry must outlive the program. Errors: those of Program::load, Bundle::open
// and TensorFile; all name the path.
Result<ModelSource> open_model(const std::string& path, const OpRegistry& registry);

// The weights of a model: the bundle's, or those of the file `path` that `choice` means. Errors: usage where
// there are none or two; TensorFile's.
Result<std::shared_ptr<const TensorFile>> open_weights(const ModelSource& model, const std::string& path,
                                                       const TensorChoice& choice = {});

// Writes a bundle. With `precision` bf16 tensors of two and more axes are stored in bf16, a half of their
// bytes; biases, norms and their statistics stay f32. Weights that are quantised are stored as they are.
// Precondition: the weights are the program's. Errors: invalid_argument: a precision that weights are not
// stored in; the disk's, the device's.
struct PackSource {
  const model::Program& program;
  const Weights& weights;
  std::string protocol;  // JSON; empty: none is stored
  std::map<std::string, std::string> metadata{};
  DType precision = DType::f32;  // or bf16
};
Status pack(const PackSource& source, const std::string& path);

}  // namespace graphrun::weights
