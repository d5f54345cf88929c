#include "datasets/import/mask_survey.h"

#include "datasets/color.h"
#include "datasets/image_io.h"
#include "runtime/core/file.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxValues = 256;

Status too_many(const fs::path& mask, const char* what) {
  return {ErrorCode::invalid_file, mask.string() + ": with this file the masks have more than " +
                                       std::to_string(kMaxValues) + " " + what +
                                       ": they were smoothed or compressed with loss, or are no masks"};
}

// Each id and its pixels.
std::map<std::uint16_t, std::int64_t> count(const LabelImage& label) {
  std::vector<std::int64_t> pixels(1 << 16);
  for (const std::uint16_t id : label.ids) ++pixels[id];
  std::map<std::uint16_t, std::int64_t> counts;
  for (std::size_t id = 0; id < pixels.size(); ++id) {
    if (pixels[id] > 0) counts[static_cast<std::uint16_t>(id)] = pixels[id];
  }
  return counts;
}

// False where a palette contradicts those before.
bool add_ids(const LabelImage& label, MaskSurvey& survey) {
  for (const auto& [id, pixels] : count(label)) {
    survey.pixels_of_ids[id] += pixels;
    if (id >= label.palette.size()) continue;
    const auto [at, fresh] = survey.palette.emplace(id, label.palette[id]);
    if (!fresh && at->second != label.palette[id]) return false;
  }
  return true;
}

Result<MaskSurvey> survey_colors(const std::vector<fs::path>& masks,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress) {
  MaskSurvey survey;
  survey.form = LabelForm::colors;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    GRAPHRUN_ASSIGN(const LabelImage mask, read_color_mask(masks[i]));
    for (const auto& [index, pixels] : count(mask))
      survey.pixels_of_colors[packed(mask.palette[index])] += pixels;
    if (survey.pixels_of_colors.size() > kMaxValues) return too_many(masks[i], "colours");
    progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(masks.size()));
  }
  return survey;
}

}  // namespace

Result<MaskSurvey> survey_masks(const std::vector<fs::path>& masks,
                                const std::function<void(std::int64_t, std::int64_t)>& progress) {
  MaskSurvey survey;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto label = read_label(masks[i]);
    // What is wrong with the file, if it is no colour mask, the other reader says as well.
    if (!label.ok() || !add_ids(*label, survey)) return survey_colors(masks, progress);
    if (survey.pixels_of_ids.size() > kMaxValues) return too_many(masks[i], "values");
    progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(masks.size()));
  }
  return survey;
}

}  // namespace graphrun::datasets
