#include "runtime/imaging/host_label_accumulator.h"

#include <utility>

#include "runtime/imaging/resize_table.h"

namespace graphrun::imaging {
namespace {

class HostLabelAccumulator final : public LabelAccumulator {
 public:
  HostLabelAccumulator(const Settings& settings, int threads) : settings_(settings), threads_(threads) {}

  Status begin(const ImageView& image, const LabelDetails& wanted) override {
    image_ = image;
    map_ = {image.height, image.width, {}};
    map_.ids.resize(static_cast<std::size_t>(image.height * image.width));
    if (wanted.confidence) map_.confidence.resize(map_.ids.size());
    if (wanted.probabilities)
      map_.probabilities.resize(map_.ids.size() * static_cast<std::size_t>(settings_.classes));
    return {};
  }
  Result<LabelMap> finish() override { return std::move(map_); }

  Status resize_normalised(const Extent& size, float* view) override {
    graphrun::imaging::resize_normalised(image_, settings_.preprocess, size, threads_, view);
    return {};
  }
  Status copy_window(const Window& window, const TensorView& input, std::int64_t sample) override {
    graphrun::imaging::copy_window(window, false, threads_, input, sample);
    if (settings_.flip) graphrun::imaging::copy_window(window, true, threads_, input, sample + 1);
    return {};
  }

  Status add_crop(const LowLogits& logits, std::int64_t sample, const CropPlace& place,
                  float* sums) override {
    const TensorDesc& desc = logits.values.desc;
    const ViewTaps taps(interpolation_taps(logits.rule, desc.h(), place.rows.crop),
                        interpolation_taps(logits.rule, desc.w(), place.columns.crop));
    graphrun::imaging::add_crop(view(logits.values, sample, taps), place, sums);
    return {};
  }
  Status view_to_total(const WholeLogits& whole, bool first, float* total) override {
    const ViewTaps taps = taps_of(whole);
    graphrun::imaging::view_to_total(view(whole.logits.values, 0, taps), first, total);
    return {};
  }
  Status view_to_classes(const WholeLogits& whole, const float* total) override {
    const ViewTaps taps = taps_of(whole);
    graphrun::imaging::view_to_classes(view(whole.logits.values, 0, taps), total, found());
    return {};
  }
  Status resize_to_total(const CropSums& sums, bool first, float* total) override {
    with_means(sums,
               [&](const ResizeBack& resize) { graphrun::imaging::resize_to_total(resize, first, total); });
    return {};
  }
  Status resize_to_classes(const CropSums& sums, const float* total) override {
    with_means(sums, [&](const ResizeBack& resize) {
      graphrun::imaging::resize_to_classes(resize, total, found());
    });
    return {};
  }

 private:
  struct ViewTaps {
    WeightedResizeTable rows, columns, mirrored;
    ViewTaps(WeightedResizeTable of_rows, WeightedResizeTable of_columns)
        : rows(std::move(of_rows)), columns(std::move(of_columns)), mirrored(reversed(columns)) {}
  };

  ViewTaps taps_of(const WholeLogits& whole) const {
    const auto& [values, rule] = whole.logits;
    return {through(interpolation_taps(rule, values.desc.h(), whole.input.height),
                    linear_taps(whole.view.height, map_.height)),
            through(interpolation_taps(rule, values.desc.w(), whole.input.width),
                    linear_taps(whole.view.width, map_.width))};
  }
  ViewLogits view(const TensorView& logits, std::int64_t sample, const ViewTaps& taps) const {
    return {logits, sample, taps.rows, taps.columns, settings_.flip ? &taps.mirrored : nullptr, threads_};
  }
  template <class Work>
  void with_means(const CropSums& sums, const Work& work) const {
    const ResizeTable rows = mean_taps(sums.rows, map_.height);
    const ResizeTable columns = mean_taps(sums.columns, map_.width);
    work(ResizeBack{sums.sums, rows, columns, sums.columns.extent, settings_.classes, threads_});
  }

  FoundClasses found() {
    const auto place = [](std::vector<float>& values) { return values.empty() ? nullptr : values.data(); };
    return {map_.ids.data(), place(map_.confidence), place(map_.probabilities), map_.height * map_.width,
            static_cast<float>(1 / settings_.temperature)};
  }

  Settings settings_;
  int threads_;
  ImageView image_;
  LabelMap map_;
};

}  // namespace

std::unique_ptr<LabelAccumulator> make_host_label_accumulator(const model::Backend& backend,
                                                              const LabelAccumulator::Settings& settings) {
  return std::make_unique<HostLabelAccumulator>(settings, backend.threads());
}

}  // namespace graphrun::imaging
