#pragma once

#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "runtime/weights/model_source.h"

namespace graphrun::labelling {

// A protocol as text: {"name": "slide", "scales": [1.0], "flip": true, "base_size": 512, "test_h": 473,
// "test_w": 473}. Not in it is what changes no label map.
std::string protocol_json(const ProtocolSettings& protocol);
// Every member has the type and the range that the settings of its name have; those that are missing have
// their defaults, others are passed over. Errors: invalid_file.
Result<ProtocolSettings> parse_protocol(std::string_view json);

// T of a calibration (imaging::FoundClasses) is a number in a model's metadata; 1 where it has none.
inline constexpr const char* kTemperatureKey = "temperature";
inline constexpr double kMinTemperature = 0.01, kMaxTemperature = 100;
// Errors: invalid_file.
Result<double> temperature_of(const model::Model& model);

// The protocol that a model is labelled by where nobody says otherwise: the one stored with it; else whole
// where its network takes any size; else slide, in crops as the model's settings give them (test_h, or
// train_h; 0 where it has neither). Mirrored. With the model's temperature.
Result<ProtocolSettings> protocol_of(const weights::ModelSource& model);

}  // namespace graphrun::labelling
