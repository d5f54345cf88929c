#include "api/dataset.h"

#include <utility>

#include "api/own_samples.h"
#include "datasets/label_rule.h"
#include "runtime/core/guard.h"

namespace graphrun {

Samples::~Samples() = default;

std::string Samples::name(std::int64_t index) const { return std::to_string(index); }

bool Samples::labelled() const { return true; }

Dataset::Dataset(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Dataset> Dataset::open(const std::string& name, const std::string& root) try {
  Impl impl;
  impl.data = {name, root};
  GRAPHRUN_ASSIGN(impl.descriptor, impl.data.descriptor());
  for (const auto& [split, layouts] : impl.descriptor.splits) impl.splits.push_back(split);
  return Dataset(std::make_shared<const Impl>(std::move(impl)));
} catch (...) {
  return core::caught();
}

namespace {

Result<imaging::ImageForm> form_of(const SampleForm& images) {
  using enum imaging::ImageForm::Pixels;
  if (images.dtype == DType::u8 && images.channels == 3) return imaging::ImageForm{3, picture};
  if (images.dtype == DType::f32 && images.channels >= 1 && images.channels <= imaging::kMaxChannels)
    return imaging::ImageForm{images.channels, f32};
  return {ErrorCode::invalid_argument,
          "images are RGB of 8 bits or 1 to " + std::to_string(imaging::kMaxChannels) + " channels of f32"};
}

}  // namespace

Result<Dataset> Dataset::make(const std::string& name, std::vector<ClassInfo> classes,
                              std::map<std::string, std::shared_ptr<const Samples>> splits,
                              const SampleForm& images) try {
  const auto count = static_cast<int>(classes.size());
  if (name.empty()) return {ErrorCode::invalid_argument, "a data set needs a name"};
  if (classes.empty() || classes.size() > static_cast<std::size_t>(imaging::kMaxClasses)) {
    return {ErrorCode::invalid_argument, name + ": expected 1 to " + std::to_string(imaging::kMaxClasses) +
                                             " classes, got " + std::to_string(classes.size())};
  }
  if (splits.empty()) return {ErrorCode::invalid_argument, name + ": there is no split"};
  Impl impl;
  GRAPHRUN_ASSIGN(impl.descriptor.images.form, form_of(images).with_context(name));
  impl.descriptor.name = name;
  impl.descriptor.classes = std::move(classes);
  std::map<std::uint16_t, int> identity;
  for (int c = 0; c < count; ++c) identity.emplace(static_cast<std::uint16_t>(c), c);
  GRAPHRUN_ASSIGN(impl.descriptor.labels, datasets::LabelRule::make(count, identity, {}, {}));
  impl.data.name = name;
  for (const auto& [split, samples] : splits) {
    if (samples == nullptr)
      return Status(ErrorCode::invalid_argument, "split " + split + " is null").with_context(name);
    impl.data.own_splits[split] = api::own_samples(samples, count, images);
    impl.splits.push_back(split);
  }
  impl.data.own = std::make_shared<const datasets::Descriptor>(impl.descriptor);
  impl.own = std::move(splits);
  return Dataset(std::make_shared<const Impl>(std::move(impl)));
} catch (...) {
  return core::caught();
}

const std::string& Dataset::name() const { return impl_->descriptor.name; }

const std::vector<ClassInfo>& Dataset::classes() const { return impl_->descriptor.classes; }

const std::vector<std::string>& Dataset::splits() const { return impl_->splits; }

Result<std::shared_ptr<const Samples>> Dataset::split(const std::string& name) const try {
  if (const auto found = impl_->own.find(name); found != impl_->own.end()) return found->second;
  GRAPHRUN_ASSIGN(const std::shared_ptr<const datasets::Dataset> samples,
                  impl_->data.open(impl_->descriptor, name));
  return api::public_samples(samples);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
