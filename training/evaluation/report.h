#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "datasets/descriptor.h"
#include "datasets/subset.h"
#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "training/evaluation/metrics.h"

namespace graphrun::training {

// metrics.json: mIoU, mAcc, aAcc, per_class [{name, iou, acc}], images, protocol. Saved predictions have the
// protocol {"name": "predictions"}; null stands for them here. The protocol also holds index_start and
// index_step, the part of the split that was evaluated. Precondition: as many classes as metrics.
std::string metrics_json(const Metrics& metrics, std::span<const datasets::ClassInfo> classes,
                         std::int64_t images, const labelling::ProtocolSettings* protocol,
                         const datasets::SampleRange& range);

}  // namespace graphrun::training
