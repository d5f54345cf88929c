#pragma once

#include <memory>

#include "runtime/imaging/label_accumulator.h"

namespace graphrun::imaging {

std::unique_ptr<LabelAccumulator> make_host_label_accumulator(const model::Backend& backend,
                                                              const LabelAccumulator::Settings& settings);

}  // namespace graphrun::imaging
