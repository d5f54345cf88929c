#pragma once

#include "runtime/plugin/devices.h"

namespace graphrun::api {

// All devices of this build: GPUs, then the CPU.
plugin::Devices devices();

}  // namespace graphrun::api
