#include "tools/eval/slide.h"

#include <algorithm>

#include "tools/eval/network.h"
#include "tools/eval/plane.h"
#include "tools/eval/probabilities.h"
#include "tools/eval/resample.h"
#include "tools/eval/slide_grid.h"

namespace graphrun {
namespace {

class Slide final : public Protocol {
 public:
  Slide(const ProtocolSettings& settings, std::unique_ptr<Network> network)
      : settings_(settings), network_(std::move(network)) {}

  std::int64_t classes() const override { return network_->classes(); }
  ProtocolSeconds seconds() const override { return network_->seconds(); }

  Result<EvaluationMemory> plan(std::span<const Extent> images) override {
    EvaluationMemory memory;
    std::int64_t crops = 1;
    std::int64_t view = 0, total = 0;
    for (const Extent& image : images) {
      for (const double scale : settings_.scales) {
        GRAPHRUN_ASSIGN(const Extent size, view_extent(image, scale, settings_.base_size));
        crops = std::max(crops, std::ssize(slide_axis(size.height, settings_.test_h).starts) *
                                    std::ssize(slide_axis(size.width, settings_.test_w).starts));
        view = std::max(view, Plane::bytes(size, 3 + classes()));
      }
      if (settings_.scales.size() > 1) total = std::max(total, Plane::bytes(image, classes()));
    }
    memory.probabilities = view + total;
    batch_ = std::min(crops, settings_.batch);
    GRAPHRUN_TRY(network_->plan(input_size(batch_), memory));
    return memory;
  }
  Status reserve(const EvaluationMemory& memory, std::int64_t most_bytes) override {
    GRAPHRUN_TRY(network_->reserve(memory.activations, most_bytes));
    // All images go through the network at the crop's size: it is bound, and its weights prepared, now.
    return status_of(network_->bind(input_size(batch_)));
  }

  Result<LabelMap> label(const Image& image) override {
    const Extent extent{image.height, image.width};
    const std::size_t scales = settings_.scales.size();
    if (scales > 1) GRAPHRUN_TRY(total_.reserve(extent, classes()));
    LabelMap map{image.height, image.width, {}};
    map.ids.resize(static_cast<std::size_t>(image.height * image.width));
    for (std::size_t i = 0; i < scales; ++i) {
      GRAPHRUN_ASSIGN(const Extent size, view_extent(extent, settings_.scales[i], settings_.base_size));
      const SlideAxis rows = slide_axis(size.height, settings_.test_h);
      const SlideAxis columns = slide_axis(size.width, settings_.test_w);
      GRAPHRUN_TRY(view_.reserve(size, 3));
      GRAPHRUN_TRY(sums_.reserve(size, classes()));
      resize_normalised(image, network_->preprocess(), size, network_->threads(), view_.data());
      GRAPHRUN_TRY(run_crops(rows, columns));
      LinearTaps down = linear_taps(size.height, image.height);
      LinearTaps across = linear_taps(size.width, image.width);
      down.divide_by(rows.coverage());
      across.divide_by(columns.coverage());
      const ResizeBack resize{sums_.data(), down, across, size.width, classes(), network_->threads()};
      if (i + 1 < scales) {
        resize_to_total(resize, i == 0, total_.data());
      } else {
        resize_to_classes(resize, scales > 1 ? total_.data() : nullptr, map.ids.data());
      }
    }
    return map;
  }

 private:
  std::int64_t samples_of_crop() const { return settings_.flip ? 2 : 1; }
  SessionCache::Size input_size(std::int64_t crops) const {
    return {crops * samples_of_crop(), settings_.test_h, settings_.test_w};
  }

  Status run_crops(const SlideAxis& rows, const SlideAxis& columns) {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t row = 0; row < rows.starts.size(); ++row) {
      for (std::size_t column = 0; column < columns.starts.size(); ++column) places.emplace_back(row, column);
    }
    const auto batch = static_cast<std::size_t>(settings_.batch);
    for (std::size_t first = 0; first < places.size(); first += batch) {
      const auto crops = static_cast<std::int64_t>(std::min(batch, places.size() - first));
      GRAPHRUN_ASSIGN(Session* const session, network_->bind(input_size(crops)));
      for (std::int64_t i = 0; i < crops; ++i) {
        const auto [row, column] = places[first + static_cast<std::size_t>(i)];
        const std::int64_t left = columns.starts[column];
        const Window window{
            view_.data(), {rows.extent, columns.extent}, rows.starts[row], left, left + columns.crop};
        for (std::int64_t k = 0; k < samples_of_crop(); ++k)
          copy_window(window, k == 1, network_->threads(), session->input(), i * samples_of_crop() + k);
      }
      GRAPHRUN_TRY(network_->run(*session));
      const TensorView logits = session->output();
      const WeightedTaps down = aligned_taps(logits.desc.h(), rows.crop);
      const WeightedTaps across = aligned_taps(logits.desc.w(), columns.crop);
      const WeightedTaps mirrored = reversed(across);
      for (std::int64_t i = 0; i < crops; ++i) {
        const auto [row, column] = places[first + static_cast<std::size_t>(i)];
        add_crop({logits, i * samples_of_crop(), down, across, settings_.flip ? &mirrored : nullptr,
                  network_->threads()},
                 {rows, columns, row, column}, sums_.data());
      }
    }
    return {};
  }

  ProtocolSettings settings_;
  std::int64_t batch_ = 1;  // crops at once, as planned
  std::unique_ptr<Network> network_;
  Plane view_;   // the image at one scale, normalised
  Plane sums_;   // of probabilities over its crops
  Plane total_;  // of probabilities over scales, at the image's size
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_slide(const ProtocolSettings& settings,
                                             std::shared_ptr<const Program> program,
                                             std::shared_ptr<Weights> weights) {
  GRAPHRUN_ASSIGN(std::unique_ptr<Network> network,
                  Network::make(settings, std::move(program), std::move(weights)));
  GRAPHRUN_TRY(network->check({settings.test_h, settings.test_w}));
  return std::unique_ptr<Protocol>(std::make_unique<Slide>(settings, std::move(network)));
}

}  // namespace graphrun
