#include "runtime/labelling/slide.h"

#include <algorithm>

#include "runtime/imaging/float_image.h"
#include "runtime/imaging/slide_grid.h"
#include "runtime/labelling/crop_batch.h"
#include "runtime/labelling/network.h"

namespace graphrun::labelling {
namespace {

// The image at one scale.
struct Scale {
  imaging::Extent size;
  imaging::SlideAxis rows;
  imaging::SlideAxis columns;

  std::int64_t crops() const { return std::ssize(rows.starts) * std::ssize(columns.starts); }
};

struct Crop {
  std::size_t scale = 0;
  imaging::CropPlace place;
  bool last = false;  // of its scale
};

class Slide final : public Protocol {
 public:
  Slide(const ProtocolSettings& settings, std::unique_ptr<Network> network)
      : settings_(settings),
        network_(std::move(network)),
        view_(network_->backend()),
        sums_(network_->backend()),
        total_(network_->backend()) {}

  std::int64_t classes() const override { return network_->classes(); }
  std::int64_t channels() const override { return network_->channels(); }
  ProtocolSeconds seconds() const override { return network_->seconds(); }
  std::string_view advice() const override {
    return "smaller crops (test_h, test_w), a smaller --batch, a lower base_size and fewer scales take less";
  }

  Result<EvaluationMemory> plan(std::span<const imaging::Extent> images) override {
    EvaluationMemory memory;
    std::int64_t crops = 1;
    std::int64_t view = 0, total = 0;
    for (const imaging::Extent& image : images) {
      std::int64_t crops_of_image = 0;
      GRAPHRUN_ASSIGN(const std::vector<Scale> scales, scales_of(image));
      for (const Scale& scale : scales) {
        crops_of_image += scale.crops();
        view = std::max(view, imaging::FloatImage::bytes(scale.size, channels() + classes()));
      }
      crops = std::max(crops, crops_of_image);
      if (scales.size() > 1) total = std::max(total, imaging::FloatImage::bytes(image, classes()));
    }
    memory.probabilities = view + total;
    GRAPHRUN_TRY(choose_batch(crops, memory));
    return memory;
  }
  Status reserve(const EvaluationMemory& memory, std::int64_t max_bytes) override {
    GRAPHRUN_TRY(network_->reserve(memory.activations, max_bytes));
    // All images go through the network at the crop's size: it is bound, and its weights prepared, now.
    return status_of(network_->bind(input_size(batch_)));
  }

  Result<LabelMap> label(const ImageView& image, const LabelDetails& wanted) override {
    GRAPHRUN_TRY(imaging::check_image(image, channels()));
    const imaging::Extent extent{image.height, image.width};
    GRAPHRUN_ASSIGN(const std::vector<Scale> scales, scales_of(extent));
    const std::vector<Crop> crops = crops_of(scales);
    if (batch_ == 0) {
      EvaluationMemory unplanned;
      GRAPHRUN_TRY(choose_batch(std::ssize(crops), unplanned));
    }
    if (scales.size() > 1) GRAPHRUN_TRY(total_.reserve(extent, classes()));
    for (const Scale& scale : scales) {
      GRAPHRUN_TRY(view_.reserve(scale.size, channels()));
      GRAPHRUN_TRY(sums_.reserve(scale.size, classes()));
    }
    GRAPHRUN_TRY(network_->accumulator().begin(image, wanted));
    for (std::size_t first = 0; first < crops.size(); first += static_cast<std::size_t>(batch_)) {
      const auto count = std::min(crops.size() - first, static_cast<std::size_t>(batch_));
      GRAPHRUN_TRY(run_crops(scales, std::span(crops).subspan(first, count)));
    }
    GRAPHRUN_ASSIGN(LabelMap map, network_->accumulator().finish());
    GRAPHRUN_TRY(network_->end_image());
    return map;
  }

 private:
  std::int64_t samples_of_crop() const { return settings_.flip ? 2 : 1; }
  session::SessionCache::Size input_size(std::int64_t crops) const {
    return {crops * samples_of_crop(), settings_.test_h, settings_.test_w};
  }

  Result<std::vector<Scale>> scales_of(const imaging::Extent& image) const {
    std::vector<Scale> scales;
    for (const double scale : settings_.scales) {
      GRAPHRUN_ASSIGN(const imaging::Extent size, imaging::view_extent(image, scale, settings_.base_size));
      scales.push_back({size, imaging::slide_axis(size.height, settings_.test_h),
                        imaging::slide_axis(size.width, settings_.test_w)});
    }
    return scales;
  }

  // Scale by scale, row by row.
  static std::vector<Crop> crops_of(const std::vector<Scale>& scales) {
    std::vector<Crop> crops;
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const imaging::SlideAxis& rows = scales[i].rows;
      const imaging::SlideAxis& columns = scales[i].columns;
      for (std::size_t row = 0; row < rows.starts.size(); ++row) {
        for (std::size_t column = 0; column < columns.starts.size(); ++column)
          crops.push_back({i, {rows, columns, row, column}, false});
      }
      crops.back().last = true;
    }
    return crops;
  }

  // For images of up to so many crops; adds what the network takes to `memory`.
  Status choose_batch(std::int64_t crops, EvaluationMemory& memory) {
    const bool is_host = network_->backend()->is_host();
    const EvaluationMemory accumulator = memory;
    batch_ = settings_.batch > 0 ? std::min(crops, settings_.batch) : is_host ? 1 : even_batch(crops);
    GRAPHRUN_TRY(network_->plan(input_size(batch_), memory));
    if (is_host || settings_.batch > 0) return {};
    GRAPHRUN_ASSIGN(const std::int64_t free_bytes, imaging::free_device_bytes(*network_->backend()));
    while (batch_ > 1 && memory.total() > free_bytes) {
      memory = accumulator;
      batch_ = (batch_ + 1) / 2;
      GRAPHRUN_TRY(network_->plan(input_size(batch_), memory));
    }
    return {};
  }

  Status run_crops(const std::vector<Scale>& scales, std::span<const Crop> crops) {
    imaging::LabelAccumulator& accumulator = network_->accumulator();
    const std::int64_t count = std::ssize(crops);
    const std::int64_t bound = network_->backend()->is_host() ? count : padded_batch(count, batch_);
    GRAPHRUN_ASSIGN(session::Session* const session, network_->bind(input_size(bound)));
    for (std::int64_t i = 0; i < bound; ++i) {
      const Crop& crop = crops[static_cast<std::size_t>(std::min(i, count - 1))];
      const imaging::Extent& size = scales[crop.scale].size;
      const auto& [rows, columns, row, column] = crop.place;
      const bool is_first = row == 0 && column == 0;
      if (is_first && i < count) GRAPHRUN_TRY(accumulator.resize_normalised(size, view_.data()));
      const std::int64_t left = columns.starts[column];
      GRAPHRUN_TRY(accumulator.copy_window({view_.data(), size, rows.starts[row], left, left + columns.crop},
                                           session->input(), i * samples_of_crop()));
    }
    GRAPHRUN_TRY(network_->run(*session));
    GRAPHRUN_ASSIGN(const TensorView logits, session->logits());
    for (std::int64_t i = 0; i < count; ++i) {
      const Crop& crop = crops[static_cast<std::size_t>(i)];
      GRAPHRUN_TRY(accumulator.add_crop({logits, session->interpolation()}, i * samples_of_crop(), crop.place,
                                        sums_.data()));
      if (crop.last) GRAPHRUN_TRY(end_scale(scales, crop.scale));
    }
    return {};
  }

  Status end_scale(const std::vector<Scale>& scales, std::size_t index) {
    const imaging::CropSums sums{sums_.data(), scales[index].rows, scales[index].columns};
    if (index + 1 < scales.size())
      return network_->accumulator().resize_to_total(sums, index == 0, total_.data());
    return network_->accumulator().resize_to_classes(sums, scales.size() > 1 ? total_.data() : nullptr);
  }

  ProtocolSettings settings_;
  std::unique_ptr<Network> network_;
  std::int64_t batch_ = 0;     // crops at once; 0: not chosen yet
  imaging::FloatImage view_;   // the image at one scale, normalised
  imaging::FloatImage sums_;   // of probabilities over its crops
  imaging::FloatImage total_;  // of probabilities over scales, at the image's size
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_slide(const ProtocolSettings& settings,
                                             std::shared_ptr<const model::Program> program,
                                             std::shared_ptr<weights::Weights> weights) {
  GRAPHRUN_ASSIGN(std::unique_ptr<Network> network,
                  Network::make(settings, std::move(program), std::move(weights)));
  GRAPHRUN_TRY(network->check({settings.test_h, settings.test_w}));
  return std::unique_ptr<Protocol>(std::make_unique<Slide>(settings, std::move(network)));
}

}  // namespace graphrun::labelling
