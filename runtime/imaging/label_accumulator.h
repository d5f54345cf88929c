#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "runtime/imaging/image.h"
#include "runtime/imaging/probabilities.h"
#include "runtime/imaging/resample.h"
#include "runtime/imaging/slide_grid.h"
#include "runtime/model/backend.h"
#include "runtime/model/graph.h"
#include "runtime/numeric/interpolation.h"

namespace graphrun::imaging {

// Logits of the network, and how they are brought to its input's size.
struct LowLogits {
  const TensorView& values;
  numeric::Interpolation rule = numeric::Interpolation::aligned_corners;
};

// Logits of a whole view: of a sample of the network, whose input was `input` with the view in its upper left
// corner.
struct WholeLogits {
  LowLogits logits;
  Extent input;
  Extent view;
};

// Sums over the crops of a view, each of which may have seen a pixel.
struct CropSums {
  const float* sums = nullptr;
  const SlideAxis& rows;
  const SlideAxis& columns;
};

// What protocols compute around the network, where the network computes: planes (Plane), its input and its
// logits are memory of that device. Work is done in the order of the calls, in which runs of sessions on the
// same device take part; it may go on when a call returns. Of an image, only begin() and finish() take or
// give host memory. Functions named alike (resample.h, probabilities.h) say what is computed.
class LabelAccumulator {
 public:
  struct Settings {
    std::int64_t classes = 0;
    bool flip = true;  // samples come in pairs, the second of which is the mirror image
    model::Preprocess preprocess;
    double temperature = 1;  // T of FoundClasses::sharpness
  };

  LabelAccumulator() = default;
  LabelAccumulator(const LabelAccumulator&) = delete;
  LabelAccumulator& operator=(const LabelAccumulator&) = delete;
  virtual ~LabelAccumulator() = default;

  // The image that the calls until finish() are about; it must live as long. Precondition: check_image().
  virtual Status begin(const ImageView& image, const LabelDetails& wanted) = 0;
  virtual Result<LabelMap> finish() = 0;

  // The image at another size, a float a channel.
  virtual Status resize_normalised(const Extent& size, float* view) = 0;
  // A window of a view into a sample of the network's input, and its mirror image into the next one.
  virtual Status copy_window(const Window& window, const TensorView& input, std::int64_t sample) = 0;

  // Precondition: the samples are crops of the axes' size.
  virtual Status add_crop(const LowLogits& logits, std::int64_t sample, const CropPlace& place,
                          float* sums) = 0;
  // These two at the size of the image; what is found goes to the label map.
  virtual Status view_to_total(const WholeLogits& view, bool first, float* total) = 0;
  virtual Status view_to_classes(const WholeLogits& view, const float* total) = 0;
  // Means over crops, brought to the size of the image.
  virtual Status resize_to_total(const CropSums& sums, bool first, float* total) = 0;
  virtual Status resize_to_classes(const CropSums& sums, const float* total) = 0;
};

// Service of a backend whose device is not the host (Backend::service).
struct DeviceImaging {
  static constexpr std::string_view kService = "imaging";
  std::unique_ptr<LabelAccumulator> (*make_label_accumulator)(const std::shared_ptr<model::Backend>& backend,
                                                              const LabelAccumulator::Settings& settings);
  Result<std::int64_t> (*free_bytes)(const model::Backend& backend);
};

// On the backend's device. Errors (unsupported): a device that has no such service.
Result<std::unique_ptr<LabelAccumulator>> make_label_accumulator(
    const std::shared_ptr<model::Backend>& backend, const LabelAccumulator::Settings& settings);
// Free memory of a device other than the host, in bytes.
Result<std::int64_t> free_device_bytes(const model::Backend& backend);

}  // namespace graphrun::imaging
