#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "datasets/descriptor.h"
#include "datasets/metrics.h"
#include "runtime/core/status.h"
#include "tools/eval/protocol.h"

namespace graphrun {

// metrics.json: mIoU, mAcc, aAcc, per_class [{name, iou, acc}], images, protocol. Saved predictions have the
// protocol {"name": "predictions"}; null stands for them here. Precondition: as many classes as metrics.
std::string metrics_json(const Metrics& metrics, std::span<const ClassInfo> classes, std::int64_t images,
                         const ProtocolSettings* protocol);

}  // namespace graphrun
