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
  std::vector<std::string> widened;    // first convolutions, from three channels to those of the image
  std::int64_t channels = 3;           // of the image
};

// Starts a model's backbone from a classifier's checkpoint. How its tensors are called in the model is data:
// the rules in graphs/backbones/*.json, of which the one that names the most of the model's variables is
// taken. A first convolution of three channels is widened (or narrowed) to the image's: each channel takes
// the weights of red, green or blue in turn, divided by how many channels take them; fewer than three take
// the mean. The sum over channels stays what it was. Errors: no rules fit, a tensor of another shape.
Result<BackboneReport> load_backbone(const std::string& path, const model::Program& program,
                                     weights::Weights& weights, const weights::TensorChoice& choice = {});

std::string format_report(const BackboneReport& report, bool all_names);

}  // namespace graphrun::training
