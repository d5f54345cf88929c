#include <algorithm>
#include <map>
#include <system_error>
#include <unordered_map>

#include "datasets/color.h"
#include "datasets/image_io.h"
#include "datasets/import/coco_mask.h"
#include "datasets/import/data_folder.h"
#include "datasets/import/import.h"
#include "datasets/import/json_fields.h"
#include "datasets/json_document.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxJsonBytes = std::int64_t{1} << 30;
constexpr std::int64_t kHighestId = INT64_MAX;

struct Annotated {
  std::string file;
  std::int64_t height = 0, width = 0;
  std::vector<const Json*> annotations;  // in the file's order
};

struct Categories {
  std::map<std::int64_t, ClassInfo> by_id;
  std::unordered_map<std::int64_t, ClassId> class_of;
  std::vector<ClassInfo> classes;
};

Status at(const char* kind, std::size_t index, const Status& status) {
  return status.ok() ? status : Status(status).with_context(std::string(kind) + " " + std::to_string(index));
}

Result<Categories> read_categories(const Json& document, bool background) {
  GRAPHRUN_ASSIGN(const Json* const array, array_field(document, "categories"));
  Categories categories;
  for (const Json& item : array->GetArray()) {
    GRAPHRUN_ASSIGN(const std::int64_t id, integer_field(item, "id", 0, kHighestId));
    ClassInfo info;
    GRAPHRUN_ASSIGN(info.name, text_field(item, "name"));
    const Json* const color = find_field(item, "color");
    if (color != nullptr) {
      GRAPHRUN_ASSIGN(const std::vector<double> parts, numbers_of(*color));
      const auto byte = [&](std::size_t i) {
        return static_cast<std::uint8_t>(std::clamp(parts[i], 0.0, 255.0));
      };
      if (parts.size() == 3) info.color = {byte(0), byte(1), byte(2)};
    } else {
      info.color = distinct_color(categories.by_id.size() + 1);
    }
    if (!categories.by_id.emplace(id, info).second)
      return Status(ErrorCode::invalid_file, "category " + std::to_string(id) + " stands twice");
  }
  if (background) categories.classes.push_back({"background", distinct_color(0)});
  for (const auto& [id, info] : categories.by_id) {
    categories.class_of[id] = static_cast<ClassId>(categories.classes.size());
    categories.classes.push_back(info);
  }
  return categories;
}

Result<std::vector<Annotated>> read_images(const Json& document) {
  GRAPHRUN_ASSIGN(const Json* const images, array_field(document, "images"));
  GRAPHRUN_ASSIGN(const Json* const annotations, array_field(document, "annotations"));
  std::vector<Annotated> all;
  std::unordered_map<std::int64_t, std::size_t> index_of;
  for (const Json& item : images->GetArray()) {
    const auto read = [&]() -> Status {
      Annotated image;
      GRAPHRUN_ASSIGN(const std::int64_t id, integer_field(item, "id", 0, kHighestId));
      GRAPHRUN_ASSIGN(image.file, text_field(item, "file_name"));
      GRAPHRUN_ASSIGN(image.height, integer_field(item, "height", 1, imaging::kMaxPixels));
      GRAPHRUN_ASSIGN(image.width, integer_field(item, "width", 1, imaging::kMaxPixels));
      if (image.height * image.width > imaging::kMaxPixels)
        return {ErrorCode::invalid_file, "an image of too many pixels"};
      if (!index_of.emplace(id, all.size()).second)
        return {ErrorCode::invalid_file, "the id " + std::to_string(id) + " stands twice"};
      all.push_back(std::move(image));
      return {};
    };
    GRAPHRUN_TRY(at("image", all.size(), read()));
  }
  for (std::size_t i = 0; i < annotations->Size(); ++i) {
    const Json& item = (*annotations)[static_cast<rapidjson::SizeType>(i)];
    const auto id = integer_field(item, "image_id", 0, kHighestId);
    if (!id.ok()) return at("annotation", i, id.status());
    const auto found = index_of.find(*id);
    if (found == index_of.end())
      return at("annotation", i,
                Status(ErrorCode::invalid_file, "its image " + std::to_string(*id) + " is not listed"));
    all[found->second].annotations.push_back(&item);
  }
  return all;
}

// The first of these folders that holds the file; COCO's own are named after the annotations' file.
fs::path find_folder(const fs::path& given, const fs::path& json, const std::string& file) {
  if (!given.empty()) return given;
  fs::path beside = json.parent_path();
  const std::string stem = json.stem().string();
  const std::string split = stem.substr(stem.rfind('_') + 1);
  std::error_code ignored;
  for (const fs::path& folder :
       {beside, beside / "images", beside / stem, beside / split, beside / ".." / split,
        beside / ".." / "images", beside / ".." / "images" / split}) {
    if (fs::is_regular_file(folder / file, ignored)) return folder;
  }
  return beside;
}

Result<std::vector<std::uint32_t>> runs_of(const Json& counts, std::int64_t pixels) {
  if (counts.IsString()) return decompress_runs(text_of(counts), pixels);
  std::vector<std::uint32_t> runs;
  if (!counts.IsArray()) return Status(ErrorCode::invalid_file, "'counts': expected a string or an array");
  for (const Json& run : counts.GetArray()) {
    if (!run.IsUint()) return Status(ErrorCode::invalid_file, "'counts': expected lengths of runs");
    runs.push_back(run.GetUint());
  }
  return runs;
}

// False where there is no segmentation: boxes and key points have none.
Result<bool> fill_segmentation(const Canvas& canvas, const Json& annotation) {
  const Json* const segmentation = find_field(annotation, "segmentation");
  if (segmentation == nullptr || segmentation->IsNull()) return false;
  if (segmentation->IsArray()) {
    for (const Json& polygon : segmentation->GetArray()) {
      GRAPHRUN_ASSIGN(const std::vector<double> points, numbers_of(polygon));
      GRAPHRUN_TRY(fill_coco_polygon(canvas, points));
    }
    return !segmentation->Empty();
  }
  const Json* const size = find_field(*segmentation, "size");
  const Json* const counts = find_field(*segmentation, "counts");
  if (size == nullptr || counts == nullptr)
    return Status(ErrorCode::invalid_file, "'segmentation': expected polygons or run lengths");
  GRAPHRUN_ASSIGN(const std::vector<double> sides, numbers_of(*size));
  if (sides.size() != 2 || sides[0] != static_cast<double>(canvas.map.height) ||
      sides[1] != static_cast<double>(canvas.map.width))
    return Status(ErrorCode::invalid_file, "'size': is not the image's");
  GRAPHRUN_ASSIGN(const auto runs, runs_of(*counts, static_cast<std::int64_t>(canvas.map.ids.size())));
  GRAPHRUN_TRY(fill_runs(canvas, runs));
  return true;
}

Result<ClassId> class_of(const Json& item, const Categories& categories) {
  GRAPHRUN_ASSIGN(const std::int64_t category, integer_field(item, "category_id", 0, kHighestId));
  const auto found = categories.class_of.find(category);
  if (found != categories.class_of.end()) return found->second;
  return Status(ErrorCode::invalid_file, "its category " + std::to_string(category) + " is not listed");
}

Result<imaging::LabelMap> label_of_instances(const Annotated& image, const Categories& categories,
                                             std::int64_t& without) {
  imaging::LabelMap map{image.height, image.width,
                        std::vector<ClassId>(static_cast<std::size_t>(image.height * image.width))};
  for (std::size_t i = 0; i < image.annotations.size(); ++i) {
    const auto fill = [&]() -> Status {
      GRAPHRUN_ASSIGN(const ClassId ink, class_of(*image.annotations[i], categories));
      GRAPHRUN_ASSIGN(const bool filled, fill_segmentation({map, ink}, *image.annotations[i]));
      without += filled ? 0 : 1;
      return {};
    };
    GRAPHRUN_TRY(at("its annotation", i, fill()));
  }
  return map;
}

// A pixel's colour is the id of its segment, red lowest; 0 is of none.
Result<imaging::LabelMap> label_of_segments(const Json& annotation, const fs::path& file,
                                            const Categories& categories) {
  GRAPHRUN_ASSIGN(const imaging::Image picture, read_image(file));
  GRAPHRUN_ASSIGN(const Json* const segments, array_field(annotation, "segments_info"));
  std::unordered_map<std::int64_t, ClassId> class_of_segment{{0, imaging::kIgnoredClass}};
  for (const Json& segment : segments->GetArray()) {
    GRAPHRUN_ASSIGN(const std::int64_t id, integer_field(segment, "id", 0, kHighestId));
    GRAPHRUN_ASSIGN(class_of_segment[id], class_of(segment, categories));
  }
  imaging::LabelMap map{picture.height, picture.width, std::vector<ClassId>(picture.rgb.size() / 3)};
  for (std::size_t i = 0; i < map.ids.size(); ++i) {
    const std::uint8_t* const rgb = &picture.rgb[3 * i];
    const std::int64_t id = rgb[0] | rgb[1] << 8 | rgb[2] << 16;
    const auto found = class_of_segment.find(id);
    if (found == class_of_segment.end()) {
      return Status(ErrorCode::invalid_file, file.string() + ": segment " + std::to_string(id) +
                                                 " is not in the annotations' segments_info");
    }
    map.ids[i] = found->second;
  }
  return map;
}

bool is_panoptic(const Json& document) {
  const Json* const annotations = find_field(document, "annotations");
  return annotations != nullptr && annotations->IsArray() && !annotations->Empty() &&
         find_field((*annotations)[0], "segments_info") != nullptr;
}

class Import {
 public:
  Import(const ImportRequest& request, const Json& document)
      : request_(request), document_(document), panoptic_(is_panoptic(document)) {}

  Result<Imported> run() {
    GRAPHRUN_ASSIGN(categories_, read_categories(document_, !panoptic_));
    GRAPHRUN_ASSIGN(const std::vector<Annotated> images, read_images(document_));
    if (images.empty()) return Status(ErrorCode::invalid_file, "has no images");
    images_ = find_folder(request_.images, request_.source, images[0].file);
    GRAPHRUN_ASSIGN(DataFolder data, DataFolder::open(request_.output, request_.split, categories_.classes));
    for (std::size_t i = 0; i < images.size(); ++i) {
      GRAPHRUN_TRY(add(images[i], data).with_context("image " + images[i].file));
      request_.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(images.size()));
    }
    Imported imported;
    GRAPHRUN_ASSIGN(imported.descriptor, data.finish());
    imported.images = static_cast<std::int64_t>(data.samples());
    imported.classes = static_cast<std::int64_t>(data.classes().size());
    if (without_ > 0)
      imported.notes.push_back(std::to_string(without_) +
                               " annotations have no segmentation and were left out");
    return imported;
  }

 private:
  Status add(const Annotated& image, DataFolder& data) {
    GRAPHRUN_TRY(check_inside(image.file));
    imaging::LabelMap label;
    if (!panoptic_) {
      // Before there is a map of the size that the annotations claim.
      GRAPHRUN_TRY(check_annotated_size(images_ / image.file, {image.height, image.width}));
      GRAPHRUN_ASSIGN(label, label_of_instances(image, categories_, without_));
    } else {
      if (image.annotations.size() != 1) return {ErrorCode::invalid_file, "expected one panoptic annotation"};
      const Json& annotation = *image.annotations[0];
      GRAPHRUN_ASSIGN(const std::string mask, text_field(annotation, "file_name"));
      GRAPHRUN_TRY(check_inside(mask));
      const fs::path folder = find_folder(request_.masks, request_.source, mask);
      GRAPHRUN_ASSIGN(label, label_of_segments(annotation, folder / mask, categories_));
    }
    return data.add(images_ / image.file, image.file, label);
  }

  const ImportRequest& request_;
  const Json& document_;
  bool panoptic_;
  Categories categories_;
  fs::path images_;
  std::int64_t without_ = 0;
};

}  // namespace

Result<Imported> import_coco(const ImportRequest& request) try {
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(request.source, kMaxJsonBytes));
  GRAPHRUN_ASSIGN(const rapidjson::Document document, parse_json(text, request.source));
  return Import(request, document).run().with_context(request.source.string());
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
