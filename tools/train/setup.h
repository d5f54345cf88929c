#pragma once

#include "datasets/augment.h"
#include "runtime/model/graph.h"
#include "tools/support/settings.h"

namespace graphrun {

// The transforms that the settings ask for, with the model's normalisation.
AugmentSettings augment_settings(const SettingTable& settings, const Preprocess& preprocess);

}  // namespace graphrun
