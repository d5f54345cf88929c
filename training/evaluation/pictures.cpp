#include "training/evaluation/pictures.h"

#include "datasets/image_io.h"
#include "datasets/jpeg_encoder.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "training/evaluation/sheet.h"

namespace graphrun::training {

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
                                            std::vector<std::uint8_t> label_ids) {
  for (const char* kind : {"gray", "color", "overlay", "label"}) {
    if (label_ids.empty() && std::string_view(kind) == "label") continue;
    const Status made = core::make_folders((folder / kind).string());
    if (!made.ok()) return {made.code(), made.message() + "; -o gives another folder"};
  }
  return PictureWriter(folder, std::move(palette), std::move(label_ids));
}

Status PictureWriter::write(const std::string& name, const imaging::Image& image,
                            const imaging::LabelMap& map) const {
  constexpr float kOpacity = 0.6f;
  const std::string file = name + ".png";
  GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "gray" / file, map, std::ssize(palette_)));
  GRAPHRUN_TRY(datasets::write_palette_png(folder_ / "color" / file, map, palette_));
  if (!label_ids_.empty()) {
    imaging::LabelMap labels = map;
    for (ClassId& id : labels.ids) id = label_ids_[id];
    GRAPHRUN_TRY(datasets::write_gray_png(folder_ / "label" / file, labels));
  }
  return datasets::write_rgb_png(folder_ / "overlay" / file,
                                 datasets::overlay(image, map, palette_, kOpacity));
}

Status PictureWriter::begin_sheets(std::vector<datasets::ClassInfo> classes) {
  sheet_classes_ = std::move(classes);
  const Status made = core::make_folders((folder_ / "sheet").string());
  if (!made.ok()) return {made.code(), made.message() + "; -o gives another folder"};
  return {};
}

Status PictureWriter::write_sheet(const std::string& name, const imaging::Image& image,
                                  const imaging::LabelMap& label, const imaging::LabelMap& map) const {
  if (sheet_classes_.empty()) return {};
  constexpr int kQuality = 90;
  const std::filesystem::path file = folder_ / "sheet" / (name + ".jpg");
  const bool labelled = label.ids.size() == map.ids.size();
  GRAPHRUN_ASSIGN(
      const std::string jpeg,
      datasets::encode_jpeg(result_sheet(image, labelled ? &label : nullptr, map, sheet_classes_), kQuality)
          .with_context(file.string()));
  return core::write_file(file, jpeg);
}

}  // namespace graphrun::training
