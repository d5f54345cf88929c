#pragma once

#include <memory>
#include <string>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/weights/model_source.h"
#include "training/run/settings.h"

namespace graphrun::training {

// Where late parameters of a model get their values, the first that there is: `chosen`, a setting of the same
// name that somebody set (null: none), `classes` of the descriptor (null: none), the model's default.
struct BindingSources {
  const model::Bindings& chosen;
  const datasets::Descriptor* descriptor = nullptr;
  const SettingTable* settings = nullptr;
};

// The model of `path`, which errors name, with its late parameters bound. ErrorCode::usage where chosen
// values are wrong.
Result<std::shared_ptr<const model::Program>> bind_program(const model::Program& program,
                                                           const std::string& path,
                                                           const BindingSources& sources);
// Opens MODEL, a .fb or a bundle, and binds its program.
Result<weights::ModelSource> open_source(const std::string& path, const OpRegistry& ops,
                                         const model::Bindings& chosen);

}  // namespace graphrun::training
