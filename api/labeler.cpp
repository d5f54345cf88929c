#include "graphrun/labeler.h"

#include <algorithm>
#include <mutex>

#include "api/impl.h"
#include "runtime/core/guard.h"
#include "runtime/imaging/resample.h"
#include "runtime/labelling/labelling.h"
#include "runtime/labelling/protocol_json.h"
#include "runtime/labelling/tiled.h"
#include "runtime/model/team.h"
#include "runtime/weights/bundle.h"

namespace graphrun {
namespace {

using imaging::Extent;

// What the options say, over what the model says.
Result<labelling::ProtocolSettings> choose_protocol(const weights::ModelSource& source,
                                                    const LabelerOptions& options) {
  GRAPHRUN_ASSIGN(labelling::ProtocolSettings protocol, labelling::protocol_of(source));
  // Who chooses a crop means slide.
  protocol.name =
      options.protocol.value_or(options.crop ? std::string(model::kSlideProtocol) : protocol.name);
  protocol.scales = options.scales.value_or(protocol.scales);
  protocol.flip = options.flip.value_or(protocol.flip);
  protocol.base_size = options.base_size.value_or(protocol.base_size);
  protocol.test_h = options.crop ? options.crop->height : protocol.test_h;
  protocol.test_w = options.crop ? options.crop->width : protocol.test_w;
  protocol.batch = options.batch;
  protocol.sessions = options.sessions;
  protocol.precision = options.precision;
  GRAPHRUN_TRY(labelling::check_protocol(protocol));
  return protocol;
}

bool holds(const Extent& large, const Extent& small) {
  return large.height >= small.height && large.width >= small.width;
}

}  // namespace

struct Labeler::Impl {
  Device device;
  std::shared_ptr<const Program::Impl> program;
  labelling::ProtocolSettings protocol;  // that the engine has
  labelling::Labelling engine;
  std::mutex mutex;  // guards the engine and what follows
  // Sizes that there is memory for, none of which holds another, and bytes of each pixel of a label map.
  std::vector<Extent> planned;
  std::int64_t planned_bytes = 0;
  LabelDetails details;  // of the options
  std::vector<std::string> class_names;

  Impl(Device on, std::shared_ptr<const Program::Impl> of, labelling::ProtocolSettings by,
       labelling::Labelling opened, const LabelDetails& wanted)
      : device(std::move(on)),
        program(std::move(of)),
        protocol(std::move(by)),
        engine(std::move(opened)),
        details(wanted),
        class_names(program->class_names) {
    for (std::int64_t c = std::ssize(class_names); c < engine.protocol().classes(); ++c)
      class_names.push_back("class " + std::to_string(c));
  }

  // Bytes that a pixel of the results takes; the image itself is the caller's.
  std::int64_t picture_bytes(const LabelDetails& wanted) const {
    const std::int64_t numbers = 1 + (wanted.probabilities ? engine.protocol().classes() : 0);
    return static_cast<std::int64_t>(sizeof(ClassId)) + numbers * static_cast<std::int64_t>(sizeof(float));
  }

  // Memory for images of all sizes so far and of these.
  Status reserve(std::span<const ImageView> images, const LabelDetails& wanted) {
    const std::int64_t bytes = std::max(planned_bytes, picture_bytes(wanted));
    std::vector<Extent> sizes = planned;
    for (const ImageView& image : images) {
      const Extent size{image.height, image.width};
      if (std::ranges::any_of(sizes, [&](const Extent& known) { return holds(known, size); })) continue;
      std::erase_if(sizes, [&](const Extent& known) { return holds(size, known); });
      sizes.push_back(size);
    }
    if (sizes == planned && bytes == planned_bytes) return {};
    // Programs that never tire of new sizes: the oldest go, and only what is in use grows.
    constexpr std::size_t kMax = 64;
    if (sizes.size() > kMax) sizes.erase(sizes.begin(), sizes.end() - kMax);
    GRAPHRUN_TRY(status_of(labelling::reserve_memory(engine.protocol(), sizes, bytes, engine.max_bytes())));
    planned = std::move(sizes);
    planned_bytes = bytes;
    return {};
  }

  Result<std::vector<LabelMap>> label(std::span<const ImageView> images, const LabelDetails& wanted) {
    for (const ImageView& image : images)
      GRAPHRUN_TRY(imaging::check_image(image, engine.protocol().channels()));
    const std::lock_guard lock(mutex);
    std::vector<LabelMap> maps;
    const auto label_all = [&]() -> Status {
      GRAPHRUN_TRY(reserve(images, wanted));
      maps.reserve(images.size());
      for (const ImageView& image : images) {
        GRAPHRUN_ASSIGN(LabelMap map, engine.protocol().label(image, wanted));
        maps.push_back(std::move(map));
      }
      return {};
    };
    GRAPHRUN_TRY(model::run_with_team(*device.impl().backend, label_all));
    return maps;
  }
};

Labeler::Labeler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Labeler::Labeler(Labeler&&) noexcept = default;
Labeler& Labeler::operator=(Labeler&&) noexcept = default;
Labeler::~Labeler() = default;

Result<Labeler> Labeler::open(const LabelerOptions& options) try {
  GRAPHRUN_ASSIGN(std::shared_ptr<const Program::Impl> program,
                  api::open_program(options.model, options.parameters, options.ops));
  const weights::ModelSource& source = program->source;
  GRAPHRUN_ASSIGN(std::shared_ptr<const weights::TensorFile> file,
                  weights::open_weights(source, options.weights, {options.key, options.strip, {}}));
  labelling::Labelling::Options opening{.cache_folder = options.cache};
  GRAPHRUN_ASSIGN(opening.protocol, choose_protocol(source, options));
  if (options.memory_limit < 0) return {ErrorCode::invalid_argument, "memory_limit is negative"};
  opening.memory_limit = static_cast<std::uint64_t>(options.memory_limit);
  GRAPHRUN_ASSIGN(Device device, Device::open(options.device, {options.threads, options.cache, options.ops}));
  GRAPHRUN_TRY(device.check_precision(options.precision));
  const std::string& from = options.weights.empty() ? options.model : options.weights;
  GRAPHRUN_ASSIGN(
      labelling::Labelling labelling,
      labelling::Labelling::open(source.program, std::move(file), from, device.impl().backend, opening));
  return Labeler(std::make_unique<Impl>(std::move(device), std::move(program), std::move(opening.protocol),
                                        std::move(labelling),
                                        LabelDetails{options.confidence, options.probabilities}));
} catch (...) {
  return core::caught();
}

Result<std::vector<LabelMap>> Labeler::label(std::span<const ImageView> images) try {
  return impl_->label(images, impl_->details);
} catch (...) {
  return core::caught();
}

Result<LabelMap> Labeler::label(const ImageView& image) { return label(image, impl_->details); }

Result<LabelMap> Labeler::label(const ImageView& image, const LabelDetails& details) try {
  GRAPHRUN_ASSIGN(std::vector<LabelMap> maps, impl_->label(std::span(&image, 1), details));
  return std::move(maps.front());
} catch (...) {
  return core::caught();
}

Status Labeler::label_tiled(const TiledImage& image, const WindowSink& write) try {
  const std::lock_guard lock(impl_->mutex);
  labelling::Labelling& engine = impl_->engine;
  // Windows are planned as images are: what was planned before has to be again.
  impl_->planned.clear();
  return model::run_with_team(*impl_->device.impl().backend, [&] {
    return labelling::label_tiled(engine.protocol(), impl_->protocol, image, {engine.max_bytes()}, write,
                                  impl_->details);
  });
} catch (...) {
  return core::caught();
}

std::int64_t Labeler::classes() const { return impl_->engine.protocol().classes(); }
const std::vector<std::string>& Labeler::class_names() const { return impl_->class_names; }
const std::vector<Color>& Labeler::palette() const { return impl_->program->palette; }
std::int64_t Labeler::channels() const { return impl_->engine.protocol().channels(); }
const Device& Labeler::device() const { return impl_->device; }

Result<std::int64_t> Labeler::memory_for(const ImageSize& size) try {
  if (size.height < 1 || size.width < 1 || size.height > imaging::kMaxPixels / size.width)
    return {ErrorCode::invalid_argument, "an image of no pixels, or of too many"};
  const std::lock_guard lock(impl_->mutex);
  const Extent extent{size.height, size.width};
  GRAPHRUN_ASSIGN(labelling::EvaluationMemory memory, impl_->engine.protocol().plan(std::span(&extent, 1)));
  memory.pictures = size.height * size.width * impl_->picture_bytes(impl_->details);
  return memory.total();
} catch (...) {
  return core::caught();
}

Status Labeler::save_packed() const try {
  const std::lock_guard lock(impl_->mutex);
  return impl_->engine.save_packed();
} catch (...) {
  return core::caught();
}

Status Labeler::pack(const std::string& path, DType precision) const try {
  if (!path.ends_with(weights::kBundleSuffix))
    return {ErrorCode::invalid_argument,
            path + ": a bundle's name ends in " + std::string(weights::kBundleSuffix)};
  const weights::ModelSource& source = impl_->program->source;
  const std::lock_guard lock(impl_->mutex);
  return weights::pack({*source.program, impl_->engine.weights(), labelling::protocol_json(impl_->protocol),
                        source.metadata, precision},
                       path);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
