#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"
#include "runtime/labelling/protocol.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"
#include "training/quantisation/activation_statistics.h"
#include "training/quantisation/layers.h"

namespace graphrun::training {

// The network's input for an image: the middle of it as the protocol cuts it, or all of it.
struct CalibrationInput {
  std::int64_t height = 0, width = 0;
  std::vector<float> values;  // NHWC
};

// What images say of a network: runs in f32 to see its activations, runs with a single layer in 8 bits to see
// what that layer alone loses.
class NetworkCalibration {
 public:
  // `weights`: of a host.
  NetworkCalibration(std::shared_ptr<const model::Program> program, std::shared_ptr<weights::Weights> weights,
                     const labelling::ProtocolSettings& protocol);
  ~NetworkCalibration();

  // Runs an image, and keeps the first few inputs for what follows.
  Status observe(const ImageView& image);
  const ActivationStatistics& statistics() const { return statistics_; }

  // The paths of these layers that a session with all of `weights.quantised()` computes in 8 bits.
  Result<std::set<std::string, std::less<>>> computed(std::span<const QuantisedLayer> layers) const;
  // By layer (QuantisedLayerRow::sensitivity). Precondition: the weights have them all.
  Result<std::vector<double>> sensitivities(std::span<const QuantisedLayer> layers,
                                            const StopToken& stop) const;

 private:
  struct Imaging;
  Result<CalibrationInput> input_of(const ImageView& image);
  Result<std::vector<std::vector<float>>> logits(const weights::QuantisedValues& stored) const;

  std::shared_ptr<const model::Program> program_;
  std::shared_ptr<weights::Weights> weights_;
  labelling::ProtocolSettings protocol_;
  std::unique_ptr<Imaging> imaging_;
  ActivationStatistics statistics_;
  std::vector<CalibrationInput> kept_;
};

}  // namespace graphrun::training
