#pragma once

#include "datasets/augment.h"
#include "runtime/model/graph.h"
#include "training/run/settings.h"

namespace graphrun::training {

// The transforms that the settings ask for, with the model's normalisation.
datasets::AugmentSettings augment_settings(const SettingTable& settings, const model::Preprocess& preprocess);

}  // namespace graphrun::training
