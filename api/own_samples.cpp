#include "api/own_samples.h"

#include <exception>
#include <new>
#include <utility>

namespace graphrun::api {
namespace {

// Calls a caller's function, which may throw.
template <class Call>
auto guarded(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::out_of_memory, "the data source ran out of memory");
  } catch (const std::exception& error) {
    return Status(ErrorCode::internal, std::string("the data source threw: ") + error.what());
  } catch (...) {
    return Status(ErrorCode::internal, "the data source threw what is no std::exception");
  }
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
  OwnSamples(std::shared_ptr<const Samples> samples, int classes)
      : samples_(std::move(samples)), classes_(classes), size_(ask_size()), labelled_(ask_labelled()) {}

  std::int64_t size() const override { return size_; }
  bool labelled() const override { return labelled_; }
  std::string name(std::int64_t index) const override {
    const Result<std::string> name = guarded([&]() -> Result<std::string> { return samples_->name(index); });
    return name.ok() ? *name : std::to_string(index);
  }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return image_of(index).in(name(index));
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    if (!labelled_) return imaging::LabelMap{};
    return label_of(index).in(name(index));
  }

 private:
  std::int64_t ask_size() const {
    const Result<std::int64_t> size = guarded([&]() -> Result<std::int64_t> { return samples_->size(); });
    return size.ok() && *size > 0 ? *size : 0;
  }
  bool ask_labelled() const {
    const Result<bool> labelled = guarded([&]() -> Result<bool> { return samples_->labelled(); });
    return labelled.ok() && *labelled;
  }
  Result<imaging::Image> image_of(std::int64_t index) const {
    GRAPHRUN_ASSIGN(RgbImage image, guarded([&] { return samples_->image(index); }));
    GRAPHRUN_TRY(check_size(image.height, image.width, image.rgb.size(), 3));
    return imaging::Image{image.height, image.width, std::move(image.rgb)};
  }
  Result<imaging::LabelMap> label_of(std::int64_t index) const {
    GRAPHRUN_ASSIGN(const LabelMap label, guarded([&] { return samples_->label(index); }));
    GRAPHRUN_TRY(check_size(label.height, label.width, label.ids.size(), 1));
    imaging::LabelMap map{label.height, label.width, {}};
    map.ids.reserve(label.ids.size());
    for (std::size_t i = 0; i < label.ids.size(); ++i) {
      const ClassId id = label.ids[i];
      if (id >= classes_ && id != kUnlabelled) {
        const auto pixel = static_cast<std::int64_t>(i);
        return {ErrorCode::invalid_argument, "id " + std::to_string(id) + " at row " +
                                                 std::to_string(pixel / label.width) + ", column " +
                                                 std::to_string(pixel % label.width) + " is none of the " +
                                                 std::to_string(classes_) + " classes"};
      }
      using Id = decltype(map.ids)::value_type;
      map.ids.push_back(id == kUnlabelled ? Id{imaging::kIgnoredClass} : static_cast<Id>(id));
    }
    return map;
  }

  std::shared_ptr<const Samples> samples_;
  int classes_;
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
  Result<RgbImage> image(std::int64_t index) const override {
    GRAPHRUN_TRY(check(index));
    GRAPHRUN_ASSIGN(imaging::Image image, samples_->load_image(index));
    return RgbImage{image.height, image.width, std::move(image.rgb)};
  }
  Result<LabelMap> label(std::int64_t index) const override {
    GRAPHRUN_TRY(check(index));
    GRAPHRUN_ASSIGN(const imaging::LabelMap map, samples_->load_label(index));
    LabelMap label{map.height, map.width, {}};
    label.ids.reserve(map.ids.size());
    for (const auto id : map.ids)
      label.ids.push_back(id == imaging::kIgnoredClass ? kUnlabelled : ClassId{id});
    return label;
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

std::shared_ptr<const datasets::Dataset> own_samples(std::shared_ptr<const Samples> samples, int classes) {
  return std::make_shared<const OwnSamples>(std::move(samples), classes);
}

std::shared_ptr<const Samples> public_samples(std::shared_ptr<const datasets::Dataset> samples) {
  return std::make_shared<const PublicSamples>(std::move(samples));
}

}  // namespace graphrun::api
