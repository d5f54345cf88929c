#include "graphrun/c_api.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "graphrun/labeler.h"
#include "runtime/core/guard.h"
#include "runtime/model/eight_bits.h"

// The C interface: checks what C cannot say in types, and calls the public classes.
struct gr_labeler {
  graphrun::Labeler labeler;
  std::string device;
};

namespace graphrun {
namespace {

static_assert(GR_OK == 0 && GR_INVALID_ARGUMENT == static_cast<int>(ErrorCode::invalid_argument) + 1 &&
              GR_OUT_OF_MEMORY == static_cast<int>(ErrorCode::out_of_memory) + 1 &&
              GR_INTERRUPTED == static_cast<int>(ErrorCode::interrupted) + 1 &&
              GR_INTERNAL == static_cast<int>(ErrorCode::internal) + 1);

// A text of this thread that needs no memory of the heap.
class LastError {
 public:
  void set(std::string_view text) {
    const std::size_t count = std::min(text.size(), sizeof text_ - 1);
    std::memcpy(text_, text.data(), count);
    text_[count] = '\0';
  }
  const char* text() const { return text_; }

 private:
  char text_[1024] = "";
};

LastError& last_error() {
  static thread_local LastError error;
  return error;
}

// The code that the caller sees; a failure's message becomes this thread's last error.
int outcome(const Status& status) {
  if (status.ok()) return GR_OK;
  last_error().set(status.message());
  // A kernel that declines is no outcome of anything that a program calls.
  return status.code() == ErrorCode::declined ? GR_INTERNAL : static_cast<int>(status.code()) + 1;
}

template <class Body>
int guarded(const Body& body) {
  return outcome(core::guard([&]() -> Status { return body(); }));
}

Status null_pointer(std::string_view name) {
  return {ErrorCode::invalid_argument, std::string(name) + " is NULL"};
}

// A copy of a structure as this version knows it: what a caller of an earlier version does not have is 0, and
// what one of a later version has besides must be 0, since it would be ignored. Empty: that does not hold, or
// the structure is smaller than any version's.
template <class T>
std::optional<T> adopt(const T& given, std::size_t first_version) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (given.size < first_version || given.size > 4096) return std::nullopt;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&given);
  if (std::any_of(bytes + std::min(given.size, sizeof(T)), bytes + given.size,
                  [](unsigned char byte) { return byte != 0; }))
    return std::nullopt;
  T known{};
  std::memcpy(&known, bytes, std::min(given.size, sizeof(T)));
  return known;
}

Status wrong_size(std::string_view name) {
  return {ErrorCode::invalid_argument,
          std::string(name) +
              ": its size is not set (use the INIT macro), or it asks for what this "
              "version of graphrun does not know"};
}

std::string text_or(const char* text, const char* otherwise) { return text == nullptr ? otherwise : text; }

Result<DType> precision_of(const std::string& name) {
  if (const std::optional<DType> type = model::precision_of(name)) return *type;
  return {ErrorCode::invalid_argument, "the precision \"" + name + "\": expected f32, bf16 or int8"};
}

Result<OpLibraries> open_ops(const char* const* paths, std::size_t count) {
  if (count > 0 && paths == nullptr) return null_pointer("ops");
  OpLibraries libraries;
  for (std::size_t i = 0; i < count; ++i) {
    if (paths[i] == nullptr) return null_pointer("ops: a path");
    GRAPHRUN_ASSIGN(std::shared_ptr<const OpLibrary> library, open_op_library(paths[i]));
    libraries.push_back(std::move(library));
  }
  return libraries;
}

Status open(const gr_options* given, gr_labeler** out) {
  if (given == nullptr) return null_pointer("options");
  if (out == nullptr) return null_pointer("out");
  const std::optional<gr_options> options = adopt(*given, offsetof(gr_options, ops));
  if (!options) return wrong_size("options");
  if (options->model == nullptr) return null_pointer("model");
  LabelerOptions opening{.model = options->model, .weights = text_or(options->weights, "")};
  opening.device = text_or(options->device, "auto");
  opening.cache = text_or(options->cache, "");
  opening.threads = options->threads;
  opening.memory_limit = options->memory_limit;
  GRAPHRUN_ASSIGN(opening.precision, precision_of(text_or(options->precision, "f32")));
  GRAPHRUN_ASSIGN(opening.ops, open_ops(options->ops, options->ops_count));
  GRAPHRUN_ASSIGN(Labeler labeler, Labeler::open(opening));
  std::string device(labeler.device().name());
  *out = new gr_labeler{std::move(labeler), std::move(device)};
  return {};
}

Result<DType> type_of(std::int32_t type) {
  switch (type) {
    case GR_U8:
      return DType::u8;
    case GR_F32:
      return DType::f32;
    default:
      return {ErrorCode::invalid_argument, "image: its type is neither GR_U8 nor GR_F32"};
  }
}

// Ids go where `classes` points to, as what is stored there.
template <class Id>
void store(const LabelMap& map, Id* classes, float* confidence) {
  std::ranges::transform(map.ids, classes, [](ClassId id) { return static_cast<Id>(id); });
  if (confidence != nullptr) std::ranges::copy(map.confidence, confidence);
}

Status label(gr_labeler* labeler, const gr_image* given_image, gr_label_map* given_map) {
  if (labeler == nullptr) return null_pointer("labeler");
  if (given_image == nullptr) return null_pointer("image");
  if (given_map == nullptr) return null_pointer("map");
  const std::optional<gr_image> image = adopt(*given_image, sizeof(gr_image));
  if (!image) return wrong_size("image");
  const std::optional<gr_label_map> map = adopt(*given_map, offsetof(gr_label_map, probabilities));
  if (!map) return wrong_size("map");
  if (map->classes == nullptr) return null_pointer("map: classes");
  GRAPHRUN_ASSIGN(const DType type, type_of(image->type));
  const ImageView view{image->data, image->height, image->width, image->channels, type, image->row_pitch};
  if (image->height > 0 && map->count / image->height < image->width)
    return {ErrorCode::invalid_argument, "map: memory for fewer classes than the image has pixels"};
  GRAPHRUN_ASSIGN(const LabelMap labels,
                  labeler->labeler.label(view, {map->confidence != nullptr, map->probabilities != nullptr}));
  store(labels, map->classes, map->confidence);
  if (map->probabilities != nullptr) std::ranges::copy(labels.probabilities, map->probabilities);
  return {};
}

Status label_rgb8(gr_labeler* labeler, const std::uint8_t* rgb, std::int64_t height, std::int64_t width,
                  std::uint8_t* classes, float* confidence) {
  if (labeler == nullptr) return null_pointer("labeler");
  if (classes == nullptr) return null_pointer("classes");
  if (labeler->labeler.classes() > 256)
    return {ErrorCode::unsupported, "the model has more than 256 classes: use gr_label"};
  GRAPHRUN_ASSIGN(const LabelMap labels,
                  labeler->labeler.label(ImageView{rgb, height, width}, {confidence != nullptr, false}));
  store(labels, classes, confidence);
  return {};
}

Status class_color(const gr_labeler* labeler, std::int64_t class_id, std::uint8_t* rgb) {
  if (labeler == nullptr) return null_pointer("labeler");
  if (rgb == nullptr) return null_pointer("rgb");
  const std::vector<Color>& palette = labeler->labeler.palette();
  if (class_id < 0 || class_id >= std::ssize(palette))
    return {ErrorCode::not_found, "the model has no colour for class " + std::to_string(class_id)};
  const Color& color = palette[static_cast<std::size_t>(class_id)];
  rgb[0] = color.r;
  rgb[1] = color.g;
  rgb[2] = color.b;
  return {};
}

}  // namespace
}  // namespace graphrun

int gr_open(const char* model, const char* weights, const char* device, gr_labeler** out) {
  gr_options options = GR_OPTIONS_INIT;
  options.model = model;
  options.weights = weights;
  options.device = device;
  return gr_open_with(&options, out);
}

int gr_open_with(const gr_options* options, gr_labeler** out) {
  return graphrun::guarded([&] { return graphrun::open(options, out); });
}

void gr_close(gr_labeler* labeler) { delete labeler; }

int gr_label_rgb8(gr_labeler* labeler, const uint8_t* rgb, int64_t height, int64_t width, uint8_t* classes,
                  float* confidence) {
  return graphrun::guarded(
      [&] { return graphrun::label_rgb8(labeler, rgb, height, width, classes, confidence); });
}

int gr_label(gr_labeler* labeler, const gr_image* image, gr_label_map* map) {
  return graphrun::guarded([&] { return graphrun::label(labeler, image, map); });
}

int64_t gr_class_count(const gr_labeler* labeler) {
  return labeler == nullptr ? 0 : labeler->labeler.classes();
}

const char* gr_class_name(const gr_labeler* labeler, int64_t class_id) {
  if (labeler == nullptr) return nullptr;
  const std::vector<std::string>& names = labeler->labeler.class_names();
  return class_id < 0 || class_id >= std::ssize(names) ? nullptr
                                                       : names[static_cast<std::size_t>(class_id)].c_str();
}

int gr_class_color(const gr_labeler* labeler, int64_t class_id, uint8_t rgb[3]) {
  return graphrun::guarded([&] { return graphrun::class_color(labeler, class_id, rgb); });
}

int64_t gr_channels(const gr_labeler* labeler) {
  return labeler == nullptr ? 0 : labeler->labeler.channels();
}

const char* gr_device(const gr_labeler* labeler) {
  return labeler == nullptr ? nullptr : labeler->device.c_str();
}

const char* gr_last_error(void) { return graphrun::last_error().text(); }

const char* gr_version(void) { return graphrun::version().data(); }

const char* gr_build(void) { return graphrun::build().data(); }
