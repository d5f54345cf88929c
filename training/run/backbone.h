#pragma once

#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"

namespace graphrun::training {

struct BackboneReport {
  std::string rules;                   // which naming the file had
  std::vector<std::string> taken;      // variables of the model
  std::vector<std::string> not_taken;  // tensors of the file
  std::vector<std::string> unset;      // backbone variables that the file had nothing for
};

// Starts a model's backbone from a classifier's checkpoint. How its tensors are called in the model is data:
// the rules in graphs/backbones/*.json, of which the one that names the most of the model's variables is
// taken. Errors: no rules fit, a tensor of another shape.
Result<BackboneReport> load_backbone(const std::string& path, const model::Program& program,
                                     weights::Weights& weights, const weights::TensorChoice& choice = {});

std::string format_report(const BackboneReport& report, bool all_names);

}  // namespace graphrun::training
