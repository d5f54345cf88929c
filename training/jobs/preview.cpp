#include "training/jobs/preview.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/image_source.h"
#include "runtime/core/guard.h"
#include "training/evaluation/sheet.h"
#include "training/evaluation/sheet_canvas.h"
#include "training/evaluation/small_picture.h"
#include "training/jobs/crop_source.h"

namespace graphrun::training {
namespace {

// The pixels of a crop, normalisation undone.
imaging::Image image_of(const datasets::AugmentSettings& augment, bool is_picture, const float* values) {
  imaging::Image image{augment.train_h, augment.train_w, {}, augment.channels(), {}};
  const std::int64_t pixels = image.height * image.width;
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < augment.mean.size(); ++c) {
      const double value = static_cast<double>(*values++) * augment.std[c] + augment.mean[c];
      if (is_picture) {
        image.rgb.push_back(static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))));
      } else {
        image.values.push_back(static_cast<float>(value));
      }
    }
  }
  return datasets::picture_of(image);
}

imaging::LabelMap label_of(const datasets::AugmentSettings& augment, const std::int32_t* ids) {
  imaging::LabelMap map{augment.train_h, augment.train_w, {}};
  map.ids.reserve(static_cast<std::size_t>(map.height * map.width));
  for (std::int64_t i = 0; i < map.height * map.width; ++i) {
    const bool counts = ids[i] != augment.ignore_label && ids[i] >= 0;
    map.ids.push_back(counts ? static_cast<ClassId>(ids[i]) : imaging::kIgnoredClass);
  }
  return map;
}

class Sheet {
 public:
  Sheet(const datasets::Dataset& data, const datasets::Descriptor& descriptor)
      : data_(data), descriptor_(descriptor) {}

  void add(const datasets::Batch& batch, const datasets::AugmentSettings& augment, std::int64_t crop) {
    constexpr std::int64_t kSide = 320;
    const std::int64_t pixels = batch.height * batch.width;
    const imaging::Image image =
        image_of(augment, descriptor_.images.form.is_picture(), batch.image + batch.channels * pixels * crop);
    const imaging::Extent size = within({image.height, image.width}, kSide);
    labels_.push_back(shrunk(label_of(augment, batch.label + pixels * crop), size));
    panels_.push_back({data_.name(batch.samples[static_cast<std::size_t>(crop)]), shrunk(image, size), 2});
    panels_.push_back({"", colored(labels_.back(), descriptor_.classes)});
  }

  imaging::Image picture() {
    constexpr std::int64_t kColumns = 6;  // three crops with their labels
    // A long name would make every panel as wide.
    for (SheetPanel& panel : panels_) {
      const std::int64_t letters =
          std::max<std::int64_t>(2 * panel.picture.width / SheetCanvas::kLetterWidth, 6);
      if (std::ssize(panel.title) > letters)
        panel.title = ".." + panel.title.substr(panel.title.size() - static_cast<std::size_t>(letters - 2));
    }
    std::vector<const imaging::LabelMap*> maps;
    maps.reserve(labels_.size());
    bool has_ignored = false;
    for (const imaging::LabelMap& label : labels_) {
      maps.push_back(&label);
      has_ignored = has_ignored || std::ranges::find(label.ids, imaging::kIgnoredClass) != label.ids.end();
    }
    std::vector<SheetKey> keys = keys_of(maps, descriptor_.classes);
    if (has_ignored) keys.push_back({"counts nowhere", kNowhereColor});
    return arrange(panels_, kColumns, keys);
  }

 private:
  const datasets::Dataset& data_;
  const datasets::Descriptor& descriptor_;
  std::vector<SheetPanel> panels_;
  std::vector<imaging::LabelMap> labels_;
};

}  // namespace

Result<PreviewOutcome> write_preview(const PreviewRequest& request) try {
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, request.data.descriptor());
  GRAPHRUN_ASSIGN(const std::shared_ptr<const datasets::Dataset> data,
                  request.data.open(descriptor, request.split));
  if (!data->labelled())
    return Status(ErrorCode::invalid_argument,
                  "split " + request.split + " of " + descriptor.name + " has no labels");
  datasets::LoaderSettings loading;
  loading.workers = 1;
  loading.seed = request.seed;
  loading.end = request.crops;
  GRAPHRUN_ASSIGN(const CropSource source,
                  open_crops(*data, descriptor, request.network, request.settings, loading));
  Sheet sheet(*data, descriptor);
  for (std::int64_t made = 0; made < request.crops;) {
    GRAPHRUN_ASSIGN(const datasets::Batch* batch, source.loader->next());
    for (std::int64_t i = 0; i < batch->n && made < request.crops; ++i, ++made)
      sheet.add(*batch, source.augment, i);
  }
  GRAPHRUN_TRY(datasets::write_rgb_png(request.output, sheet.picture()));
  return PreviewOutcome{request.crops, {source.augment.train_h, source.augment.train_w}};
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
