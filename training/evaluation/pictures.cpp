#include "training/evaluation/pictures.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "datasets/image_source.h"
#include "datasets/jpeg_encoder.h"
#include "graphrun/tensor.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "runtime/weights/npy.h"
#include "training/evaluation/sheet.h"

namespace graphrun::training {
namespace {

// Colour of pixels without a class that is sure enough, where their id is none of a class.
constexpr imaging::Color kUnsureColor{255, 0, 255};

constexpr float kOpacity = 0.6f;  // of colours over an image

constexpr core::Sync kSync = core::Sync::later;  // by finish()

}  // namespace

Status check_files(const ProbabilityFiles& files, std::int64_t classes) {
  if (!(files.threshold >= 0 && files.threshold <= 1))
    return {ErrorCode::invalid_argument, "--threshold: a probability from 0 to 1 is expected"};
  if (files.threshold > 0 && classes <= imaging::kMaxByteClasses && files.unsure > imaging::kByteIgnored)
    return {ErrorCode::invalid_argument,
            "--unsure: pictures of " + std::to_string(classes) + " classes hold ids up to 255"};
  return {};
}

void take_unsure(const ProbabilityFiles& files, std::span<const float> confidence, std::span<ClassId> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (confidence[i] < files.threshold) ids[i] = files.unsure;
  }
}

std::vector<ClassId> confidence_ids(const imaging::LabelMap& map) {
  constexpr float kOne = 65535;
  std::vector<ClassId> ids;
  ids.reserve(map.confidence.size());
  for (const float value : map.confidence)
    ids.push_back(static_cast<ClassId>(std::lrint(std::clamp(value, 0.0f, 1.0f) * kOne)));
  return ids;
}

std::vector<imaging::Color> palette_of(std::vector<imaging::Color> classes, const ProbabilityFiles& files) {
  if (files.threshold <= 0 || files.unsure < std::ssize(classes)) return classes;
  classes.resize(std::size_t{files.unsure} + 1);
  classes.back() = kUnsureColor;
  return classes;
}

std::vector<imaging::Color> class_colors(std::span<const datasets::ClassInfo> classes) {
  std::vector<imaging::Color> colors;
  for (const datasets::ClassInfo& info : classes) colors.push_back(info.color);
  return colors;
}

Result<std::vector<std::uint8_t>> class_label_ids(const datasets::LabelRule& rule) {
  std::vector<std::uint8_t> ids;
  for (int c = 0; c < rule.classes(); ++c) {
    const std::uint16_t id = rule.label_id(c);
    if (id > 255) {
      return {ErrorCode::unsupported, "class " + std::to_string(c) + " has the label id " +
                                          std::to_string(id) + ", which an 8-bit picture cannot hold"};
    }
    ids.push_back(static_cast<std::uint8_t>(id));
  }
  return ids;
}

Result<PictureWriter> PictureWriter::create(const std::filesystem::path& folder,
                                            std::vector<imaging::Color> palette,
                                            std::vector<std::uint8_t> label_ids,
                                            const ProbabilityFiles& files) {
  GRAPHRUN_ASSIGN(PictureWriter writer, create_ids(folder, std::move(palette), files));
  for (const char* kind : {"color", "overlay"}) GRAPHRUN_TRY(writer.make_folder(kind));
  if (!label_ids.empty()) GRAPHRUN_TRY(writer.make_folder("label"));
  writer.label_ids_ = std::move(label_ids);
  return writer;
}

Result<PictureWriter> PictureWriter::create_ids(const std::filesystem::path& folder,
                                                std::vector<imaging::Color> palette,
                                                const ProbabilityFiles& files) {
  GRAPHRUN_TRY(check_files(files, std::ssize(palette)));
  PictureWriter writer(folder, std::move(palette), files);
  GRAPHRUN_TRY(writer.make_folder("gray"));
  if (files.confidence) GRAPHRUN_TRY(writer.make_folder("confidence"));
  if (files.probabilities) GRAPHRUN_TRY(writer.make_folder("probabilities"));
  return writer;
}

Status PictureWriter::make_folder(const char* kind) const {
  const Status made = core::make_folders((folder_ / kind).string());
  if (made.ok()) return {};
  return {made.code(), made.message() + "; -o gives another folder"};
}

PictureWriter::PictureWriter(std::filesystem::path folder, std::vector<imaging::Color> palette,
                             const ProbabilityFiles& files)
    : folder_(std::move(folder)),
      classes_(std::ssize(palette)),
      palette_(palette_of(std::move(palette), files)),
      files_(files) {}

Status PictureWriter::write_probabilities(const std::string& name, const imaging::LabelMap& map) const {
  if (files_.confidence) {
    const imaging::LabelMap picture{map.height, map.width, confidence_ids(map)};
    GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "confidence" / (name + ".png"), picture,
                                          imaging::kMaxByteClasses + 1, kSync));
  }
  if (!files_.probabilities) return {};
  const Shape shape{classes_, map.height, map.width};
  return weights::write_npy((folder_ / "probabilities" / (name + ".npy")).string(),
                            TensorDesc::dense(DType::f32, shape),
                            std::as_bytes(std::span(map.probabilities)));
}

const imaging::LabelMap& PictureWriter::shown(const imaging::LabelMap& found, imaging::LabelMap& room) const {
  if (files_.threshold <= 0) return found;
  room = {found.height, found.width, found.ids};
  take_unsure(files_, found.confidence, room.ids);
  return room;
}

Result<imaging::Image> PictureWriter::write_frame(const std::string& name, const imaging::Image& image,
                                                  const imaging::LabelMap& found) const {
  imaging::LabelMap room;
  const imaging::LabelMap& map = shown(found, room);
  GRAPHRUN_TRY(write_probabilities(name, found));
  GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "gray" / (name + ".png"), map, classes_, kSync));
  return datasets::overlay(image, map, palette_, kOpacity);
}

Status PictureWriter::write(const std::string& name, const imaging::Image& image,
                            const imaging::LabelMap& found) const {
  const std::string file = name + ".png";
  imaging::LabelMap room;
  const imaging::LabelMap& map = shown(found, room);
  GRAPHRUN_TRY(write_probabilities(name, found));
  GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "gray" / file, map, classes_, kSync));
  GRAPHRUN_TRY(datasets::write_palette_png(folder_ / "color" / file, map, palette_, kSync));
  if (!label_ids_.empty()) {
    imaging::LabelMap labels{found.height, found.width, found.ids};
    for (ClassId& id : labels.ids) id = label_ids_[id];
    GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "label" / file, labels, imaging::kMaxByteClasses, kSync));
  }
  return datasets::write_rgb_png(folder_ / "overlay" / file,
                                 datasets::overlay(image, map, palette_, kOpacity), kSync);
}

Status PictureWriter::begin_sheets(std::vector<datasets::ClassInfo> classes) {
  sheet_classes_ = std::move(classes);
  return make_folder("sheet");
}

Status PictureWriter::write_sheet(const std::string& name, const imaging::Image& image,
                                  const imaging::LabelMap& label, const imaging::LabelMap& map) const {
  if (sheet_classes_.empty()) return {};
  constexpr int kQuality = 90;
  const std::filesystem::path file = folder_ / "sheet" / (name + ".jpg");
  const bool labelled = label.ids.size() == map.ids.size();
  GRAPHRUN_ASSIGN(const std::string jpeg,
                  datasets::encode_jpeg(result_sheet(datasets::picture_of(image), labelled ? &label : nullptr,
                                                     map, sheet_classes_),
                                        kQuality)
                      .with_context(file.string()));
  return core::write_file(file, jpeg, kSync);
}

Status PictureWriter::finish() const { return core::sync_file_system(folder_.string()); }

}  // namespace graphrun::training
