#pragma once

#include "ops/common/cuda_table.h"
#include "runtime/numeric/sampling.h"

namespace graphrun::ops {

// The tables of a Sampling in device memory.
struct DeviceSampling {
  DeviceTable<numeric::InterpolationWeights> taps;
  DeviceTable<std::int32_t> readers;

  static Result<DeviceSampling> upload(cuda::Device& device, const numeric::Sampling& sampling) {
    GRAPHRUN_ASSIGN(DeviceTable<numeric::InterpolationWeights> taps,
                    DeviceTable<numeric::InterpolationWeights>::upload(device, sampling.taps));
    GRAPHRUN_ASSIGN(DeviceTable<std::int32_t> readers,
                    DeviceTable<std::int32_t>::upload(device, sampling.readers));
    return DeviceSampling{std::move(taps), std::move(readers)};
  }
};

}  // namespace graphrun::ops
