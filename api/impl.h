#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graphrun/device.h"
#include "graphrun/program.h"
#include "graphrun/weights.h"
#include "runtime/model/backend.h"
#include "runtime/weights/model_source.h"
#include "runtime/weights/weights.h"

// What is behind the handles of the public headers, for those of them that need each other's.
namespace graphrun {

struct Device::Impl {
  std::shared_ptr<model::Backend> backend;
  OpLibraries ops;  // those that it was opened with
};

struct Program::Impl {
  std::shared_ptr<const OpRegistry> ops;  // what the source's program refers to
  weights::ModelSource source;
  std::vector<std::string> class_names;
  std::vector<Color> palette;
  std::vector<std::string> inputs;   // of the method "eval"
  std::vector<std::string> outputs;  // likewise
};

struct Weights::Impl {
  Device device;
  std::shared_ptr<const model::Program> program;
  std::shared_ptr<weights::Weights> values;
};

namespace api {

// MODEL with values of late parameters; errors name the path.
Result<std::shared_ptr<const Program::Impl>> open_program(const std::string& path,
                                                          const Parameters& parameters,
                                                          const OpLibraries& ops);

// That a batch has the sample.
inline Status check_sample(std::int64_t sample, std::int64_t batch) {
  if (sample >= 0 && sample < batch) return {};
  return {ErrorCode::invalid_argument,
          "there is no sample " + std::to_string(sample) + " in a batch of " + std::to_string(batch)};
}

}  // namespace api
}  // namespace graphrun
