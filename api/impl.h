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
};

struct Program::Impl {
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

std::shared_ptr<const Program::Impl> describe(weights::ModelSource source);

}  // namespace api
}  // namespace graphrun
