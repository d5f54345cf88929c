#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/sample.h"
#include "runtime/core/status.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"

namespace graphrun {

struct ProtocolSettings {
  std::string name = "slide";
  std::vector<double> scales{1.0};
  bool flip = true;            // each view also mirrored, and the probabilities averaged
  std::int64_t base_size = 0;  // longer side at scale 1, pixels
  std::int64_t test_h = 0;     // crop, pixels
  std::int64_t test_w = 0;
};

// How an image becomes a label map: which views of it the network sees, and how its answers are put together.
// One image at a time; memory is kept from image to image and bounded by the largest.
class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  // The class of each pixel; the first of equal maxima. Errors: the network's, memory.
  virtual Result<LabelMap> label(const Image& image) = 0;
  virtual std::int64_t classes() const = 0;
  // Seconds inside the network since the start.
  virtual double network_seconds() const = 0;
};

// Errors: an unknown name, a crop that the model's requirements refuse.
Result<std::unique_ptr<Protocol>> make_protocol(const ProtocolSettings& settings,
                                                std::shared_ptr<const Program> program,
                                                std::shared_ptr<Weights> weights);

}  // namespace graphrun
