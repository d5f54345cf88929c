#pragma once

#include <span>
#include <string>

#include "datasets/descriptor.h"
#include "datasets/subset.h"
#include "runtime/labelling/protocol.h"
#include "training/evaluation/tally.h"

namespace graphrun::training {

// What metrics.json is written of.
struct EvaluationRecord {
  const Tally& tally;
  std::span<const datasets::ClassInfo> classes;           // as many as the tally's
  const labelling::ProtocolSettings* protocol = nullptr;  // null: saved predictions, {"name": "predictions"}
  datasets::SampleRange range;                            // the part of the split that was evaluated
};

// metrics.json (doc/evaluation.md): mIoU, mAcc, aAcc, per_class, images, protocol; then what else people
// report, intervals, calibration where there was confidence, and the confusion matrix.
std::string metrics_json(const EvaluationRecord& record);

}  // namespace graphrun::training
