#include "api/own_samples.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "runtime/core/guard.h"

namespace graphrun::api {
namespace {

static_assert(kUnlabelled == imaging::kIgnoredClass);

// Calls a caller's function, which may throw.
template <class Call>
auto ask(const Call& call) -> decltype(call()) {
  return core::guard(call).with_context("the data source");
}

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(width) + " x " + std::to_string(height);
}

// Errors: sides that are not positive, more than kMaxPixels, another number of values than the sides say.
Status check_size(std::int64_t height, std::int64_t width, std::size_t values, std::int64_t of_pixel) {
  const bool is_picture = height > 0 && width > 0 && height <= imaging::kMaxPixels / width;
  if (is_picture && values == static_cast<std::size_t>(height * width * of_pixel)) return {};
  return {ErrorCode::invalid_argument, "the data source gave " + std::to_string(values) +
                                           " values for a picture of " + size_text(height, width)};
}

class OwnSamples final : public datasets::Dataset {
 public:
  OwnSamples(std::shared_ptr<const Samples> samples, int classes, const SampleForm& form)
      : samples_(std::move(samples)),
        classes_(classes),
        form_(form),
        size_(ask_size()),
        labelled_(ask_labelled()) {}

  std::int64_t size() const override { return size_; }
  bool labelled() const override { return labelled_; }
  std::string name(std::int64_t index) const override {
    const Result<std::string> name = ask([&]() -> Result<std::string> { return samples_->name(index); });
    return name.ok() ? *name : std::to_string(index);
  }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return image_of(index).with_context(name(index));
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    if (!labelled_) return imaging::LabelMap{};
    return label_of(index).with_context(name(index));
  }

 private:
  std::int64_t ask_size() const {
    const Result<std::int64_t> size = ask([&]() -> Result<std::int64_t> { return samples_->size(); });
    return size.ok() && *size > 0 ? *size : 0;
  }
  bool ask_labelled() const {
    const Result<bool> labelled = ask([&]() -> Result<bool> { return samples_->labelled(); });
    return labelled.ok() && *labelled;
  }
  Result<imaging::Image> image_of(std::int64_t index) const {
    GRAPHRUN_ASSIGN(Image image, ask([&] { return samples_->image(index); }));
    if (image.channels != form_.channels || image.is_rgb() != (form_.dtype == DType::u8)) {
      return {ErrorCode::invalid_argument,
              "the data source gave an image of " + std::to_string(image.channels) + " channels of " +
                  std::string(to_string(image.is_rgb() ? DType::u8 : DType::f32)) + ", its data set has " +
                  std::to_string(form_.channels) + " of " + std::string(to_string(form_.dtype))};
    }
    const std::size_t values = image.is_rgb() ? image.rgb.size() : image.values.size();
    GRAPHRUN_TRY(check_size(image.height, image.width, values, image.channels));
    if (!std::ranges::all_of(image.values, [](float value) { return std::isfinite(value); }))
      return {ErrorCode::invalid_argument, "the data source gave a number that is not finite"};
    return image;
  }
  Result<imaging::LabelMap> label_of(std::int64_t index) const {
    GRAPHRUN_ASSIGN(LabelMap label, ask([&] { return samples_->label(index); }));
    GRAPHRUN_TRY(check_size(label.height, label.width, label.ids.size(), 1));
    const auto strange = std::ranges::find_if(
        label.ids, [this](ClassId id) { return id >= classes_ && id != imaging::kIgnoredClass; });
    if (strange == label.ids.end()) return label;
    const std::int64_t pixel = strange - label.ids.begin();
    return {ErrorCode::invalid_argument, "id " + std::to_string(*strange) + " at row " +
                                             std::to_string(pixel / label.width) + ", column " +
                                             std::to_string(pixel % label.width) + " is none of the " +
                                             std::to_string(classes_) + " classes"};
  }

  std::shared_ptr<const Samples> samples_;
  int classes_;
  SampleForm form_;
  std::int64_t size_;
  bool labelled_;
};

class PublicSamples final : public Samples {
 public:
  explicit PublicSamples(std::shared_ptr<const datasets::Dataset> samples) : samples_(std::move(samples)) {}

  std::int64_t size() const override { return samples_->size(); }
  bool labelled() const override { return samples_->labelled(); }
  std::string name(std::int64_t index) const override {
    return has(index) ? samples_->name(index) : std::string();
  }
  Result<Image> image(std::int64_t index) const override {
    GRAPHRUN_TRY(check(index));
    return samples_->load_image(index);
  }
  Result<LabelMap> label(std::int64_t index) const override {
    GRAPHRUN_TRY(check(index));
    return samples_->load_label(index);
  }

 private:
  bool has(std::int64_t index) const { return index >= 0 && index < samples_->size(); }
  Status check(std::int64_t index) const {
    if (has(index)) return {};
    return {ErrorCode::invalid_argument,
            "there is no sample " + std::to_string(index) + " among " + std::to_string(samples_->size())};
  }

  std::shared_ptr<const datasets::Dataset> samples_;
};

}  // namespace

std::shared_ptr<const datasets::Dataset> own_samples(std::shared_ptr<const Samples> samples, int classes,
                                                     const SampleForm& form) {
  return std::make_shared<const OwnSamples>(std::move(samples), classes, form);
}

std::shared_ptr<const Samples> public_samples(std::shared_ptr<const datasets::Dataset> samples) {
  return std::make_shared<const PublicSamples>(std::move(samples));
}

}  // namespace graphrun::api
