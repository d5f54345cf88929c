#include "datasets/color.h"
#include "datasets/image_io.h"
#include "datasets/import/class_list.h"
#include "datasets/import/data_folder.h"
#include "datasets/import/folder_pairs.h"
#include "datasets/import/import.h"
#include "datasets/import/init.h"
#include "datasets/import/mask_survey.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

Result<std::vector<ClassInfo>> classes_of(const ImportRequest& request, const FolderPairs& found) {
  const fs::path list = request.classes.empty() ? find_class_colors(request.source) : request.classes;
  if (!list.empty()) return read_class_colors(list);
  std::vector<fs::path> masks;
  for (const FolderPair& pair : found.pairs) masks.push_back(request.source / pair.mask);
  GRAPHRUN_ASSIGN(const MaskSurvey survey, survey_masks(masks, request.progress));
  if (survey.form == LabelForm::ids) {
    return Status(ErrorCode::invalid_file, request.source.string() +
                                               ": its masks hold ids, not colours: they need no import, "
                                               "`grun data init` describes them");
  }
  GRAPHRUN_ASSIGN(ClassesFound classes, classes_of_masks(survey, {}));
  return std::move(classes.classes);
}

}  // namespace

Result<Imported> import_colors(const ImportRequest& request) try {
  GRAPHRUN_ASSIGN(const FolderPairs found,
                  pair_folders(request.source, request.images.string(), request.masks.string()));
  GRAPHRUN_ASSIGN(std::vector<ClassInfo> classes, classes_of(request, found));
  std::vector<imaging::Color> ignored;
  for (const ClassInfo& info : classes) {
    if (is_void_name(info.name)) ignored.push_back(info.color);
  }
  std::erase_if(classes, [](const ClassInfo& info) { return is_void_name(info.name); });
  std::vector<imaging::Color> colors;
  for (const ClassInfo& info : classes) colors.push_back(info.color);
  GRAPHRUN_ASSIGN(const LabelRule rule, LabelRule::make_by_color(colors, ignored));
  GRAPHRUN_ASSIGN(DataFolder data, DataFolder::open(request.output, request.split, classes));
  for (std::size_t i = 0; i < found.pairs.size(); ++i) {
    const FolderPair& pair = found.pairs[i];
    const fs::path mask = request.source / pair.mask;
    GRAPHRUN_ASSIGN(const LabelImage read, read_color_mask(mask));
    GRAPHRUN_ASSIGN(const imaging::LabelMap label, rule.apply(read).with_context(mask.string()));
    GRAPHRUN_TRY(data.add(request.source / pair.image, pair.image.substr(found.images.size() + 1), label));
    request.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(found.pairs.size()));
  }
  Imported imported;
  GRAPHRUN_ASSIGN(imported.descriptor, data.finish());
  imported.images = static_cast<std::int64_t>(data.samples());
  imported.classes = static_cast<std::int64_t>(classes.size());
  imported.notes = found.notes;
  return imported;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
