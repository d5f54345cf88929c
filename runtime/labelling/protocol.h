#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/image.h"
#include "graphrun/status.h"
#include "runtime/imaging/image.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"

namespace graphrun::labelling {

struct ProtocolSettings {
  std::string name = "slide";
  std::vector<double> scales{1.0};
  bool flip = true;            // each view also mirrored, and the probabilities averaged
  std::int64_t base_size = 0;  // longer side at scale 1, pixels; 0: the image's own
  std::int64_t test_h = 0;     // crop of slide, pixels
  std::int64_t test_w = 0;
  // These change time and memory, not the label maps (but for the last bits of sums).
  // Crops of slide that go through the network at once, with their mirror images. 0: one on the host, as many
  // as are useful and fit on other devices.
  std::int64_t batch = 0;
  std::int64_t sessions = 16;  // sizes for which the network stays bound
  bool low_res_logits = true;  // the network's last resize is done here, pixel by pixel
  // What the network computes in (Session::Options): f32 or bf16.
  DType precision = DType::f32;
  // T of a calibration (imaging::FoundClasses): of confidence and probabilities, no class depends on it.
  double temperature = 1;
  // Tables of kernels that alone take more bytes are refused before they are built.
  std::int64_t max_bytes = std::numeric_limits<std::int64_t>::max();
};

// Errors (invalid_argument): an unknown name, a number beyond its range, slide without the sides of a crop.
Status check_protocol(const ProtocolSettings& settings);

// Bytes that an evaluation takes, all at once.
struct EvaluationMemory {
  std::int64_t activations = 0;    // of the network and its kernels' scratch
  std::int64_t tables = 0;         // of kernels, for the sizes that stay bound
  std::int64_t packed = 0;         // forms of the weights that kernels made
  std::int64_t probabilities = 0;  // planes between the network and the label map
  std::int64_t pictures = 0;       // images in memory at once (PipelineDepth)
  imaging::Extent largest;         // the image that takes most pixels

  std::int64_t total() const { return activations + tables + packed + probabilities + pictures; }
};

// Seconds since the start.
struct ProtocolSeconds {
  double network = 0;  // running it
  double binding = 0;  // to sizes
};

// How an image becomes a label map: which views of it the network sees, and how its answers are put together.
// One image at a time; memory is kept from image to image.
class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  // What images of these sizes will take. Errors: the model does not accept a size.
  virtual Result<EvaluationMemory> plan(std::span<const imaging::Extent> images) = 0;
  // Takes the activations' memory as planned. An image beyond the plan is still labelled, as long as no more
  // than `max_bytes` of activations are needed.
  virtual Status reserve(const EvaluationMemory& memory, std::int64_t max_bytes) = 0;

  // The class of each pixel; the first of equal maxima. Errors: an image that is none (imaging::check_image),
  // the network's, memory.
  virtual Result<LabelMap> label(const ImageView& image, const LabelDetails& wanted) = 0;
  Result<LabelMap> label(const ImageView& image) { return label(image, {}); }
  virtual std::int64_t classes() const = 0;
  virtual std::int64_t channels() const = 0;  // of the images that it takes
  virtual ProtocolSeconds seconds() const = 0;
  // For an error of too little memory: what takes less.
  virtual std::string_view advice() const { return "a lower base_size and fewer scales take less"; }
};

// Errors: an unknown name, a crop that the model's requirements refuse.
Result<std::unique_ptr<Protocol>> make_protocol(const ProtocolSettings& settings,
                                                std::shared_ptr<const model::Program> program,
                                                std::shared_ptr<weights::Weights> weights);

}  // namespace graphrun::labelling
