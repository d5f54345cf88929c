#pragma once

#include <filesystem>
#include <optional>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/session/train_session.h"
#include "training/run/settings.h"

namespace graphrun::training {

// The setting class_weights: "suggested" becomes the list that `grun data check` suggests for the split
// "train" (ClassCount::weight), all of whose files are read.
Status resolve_class_weights(SettingTable& settings, const datasets::Descriptor& descriptor,
                             const std::optional<std::filesystem::path>& data_root, int threads);

// For data that is no descriptor's files. Error: "suggested", which only those can be counted for.
Status require_given_class_weights(const SettingTable& settings);

// Gives the session the list, if there is one.
Status apply_class_weights(const SettingTable& settings, session::TrainSession& session);

}  // namespace graphrun::training
