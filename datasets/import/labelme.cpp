#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "datasets/image_header.h"
#include "datasets/image_io.h"
#include "datasets/import/class_list.h"
#include "datasets/import/data_folder.h"
#include "datasets/import/import.h"
#include "datasets/import/labelme_shapes.h"
#include "datasets/json_document.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxJsonBytes = std::int64_t{1} << 30;
// Labels that LabelMe gives a meaning.
constexpr char kBackground[] = "_background_";
constexpr char kIgnore[] = "__ignore__";

Result<rapidjson::Document> read_document(const fs::path& file) {
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(file, kMaxJsonBytes));
  return parse_json(text, file);
}

// Sorted. Files of JSON that are of something else are left out.
Result<std::vector<fs::path>> json_files(const fs::path& source) {
  std::error_code error;
  if (fs::is_regular_file(source, error)) return std::vector<fs::path>{source};
  std::vector<fs::path> files;
  auto it = fs::recursive_directory_iterator(source, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (it->path().extension() == ".json" && it->is_regular_file(ignored)) files.push_back(it->path());
  }
  if (error) return Status(ErrorCode::io, source.string() + ": cannot list: " + error.message());
  std::ranges::sort(files);
  if (files.empty())
    return Status(ErrorCode::not_found, source.string() + ": has no file that ends in .json");
  return files;
}

Result<const Json*> shapes_of(const Json& document) {
  const Json* const shapes = find_field(document, "shapes");
  if (shapes == nullptr || !shapes->IsArray())
    return Status(ErrorCode::invalid_file, "is no annotation of LabelMe: it has no array 'shapes'");
  return shapes;
}

// The label of every shape.
Result<std::set<std::string>> labels_of(const std::vector<fs::path>& files) {
  std::set<std::string> labels;
  for (const fs::path& file : files) {
    GRAPHRUN_ASSIGN(const rapidjson::Document document, read_document(file));
    const auto collect = [&]() -> Status {
      GRAPHRUN_ASSIGN(const Json* const shapes, shapes_of(document));
      for (const Json& shape : shapes->GetArray()) {
        GRAPHRUN_ASSIGN(std::string label, text_field(shape, "label"));
        labels.insert(std::move(label));
      }
      return {};
    };
    GRAPHRUN_TRY(collect().with_context(file.string()));
  }
  return labels;
}

struct Classes {
  std::vector<ClassInfo> infos;
  std::map<std::string, ClassId> of_label;
};

// _background_ is class 0, whether a shape has it or not; the others follow in the order of the list, or of
// their names.
Result<Classes> classes_of(const ImportRequest& request, const std::vector<fs::path>& files) {
  std::vector<std::string> names{kBackground};
  GRAPHRUN_ASSIGN(const std::set<std::string> labels, labels_of(files));
  if (request.classes.empty()) {
    names.insert(names.end(), labels.begin(), labels.end());
  } else {
    GRAPHRUN_ASSIGN(const std::vector<std::string> listed, read_class_names(request.classes));
    names.insert(names.end(), listed.begin(), listed.end());
  }
  Classes classes{{}, {{kIgnore, imaging::kIgnoredClass}}};
  for (const std::string& name : names) {
    if (!classes.of_label.emplace(name, static_cast<ClassId>(classes.infos.size())).second) continue;
    classes.infos.push_back(
        {name == kBackground ? "background" : name, distinct_color(classes.infos.size())});
  }
  for (const std::string& label : labels) {
    if (!classes.of_label.contains(label))
      return Status(ErrorCode::invalid_file, request.classes.string() + ": has no class '" + label + "'");
  }
  return classes;
}

class Import {
 public:
  Import(const ImportRequest& request, std::vector<fs::path> files)
      : request_(request), files_(std::move(files)) {}

  Result<Imported> run() {
    GRAPHRUN_ASSIGN(classes_, classes_of(request_, files_));
    GRAPHRUN_ASSIGN(DataFolder data, DataFolder::open(request_.output, request_.split, classes_.infos));
    for (std::size_t i = 0; i < files_.size(); ++i) {
      GRAPHRUN_ASSIGN(const rapidjson::Document document, read_document(files_[i]));
      GRAPHRUN_TRY(add(files_[i], document, data).with_context(files_[i].string()));
      request_.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(files_.size()));
    }
    Imported imported;
    GRAPHRUN_ASSIGN(imported.descriptor, data.finish());
    imported.images = static_cast<std::int64_t>(data.samples());
    imported.classes = static_cast<std::int64_t>(data.classes().size());
    return imported;
  }

 private:
  Status add(const fs::path& file, const Json& document, DataFolder& data) {
    GRAPHRUN_ASSIGN(const std::string image_path, text_field(document, "imagePath"));
    const fs::path base = request_.source == file ? file.parent_path() : request_.source;
    const fs::path below = file.lexically_relative(base).parent_path();
    // The path may be one of Windows. The image may have been moved since: its name is what counts.
    const std::string image_name = image_path.substr(image_path.find_last_of("/\\") + 1);
    const std::string name =
        (below / file.stem()).generic_string() + fs::path(image_name).extension().string();
    std::error_code ignored;
    for (const fs::path& folder : {file.parent_path(), request_.images / below, request_.images}) {
      if (folder.empty() || !fs::is_regular_file(folder / image_name, ignored)) continue;
      GRAPHRUN_ASSIGN(const imaging::Extent size, read_image_size(folder / image_name));
      GRAPHRUN_ASSIGN(const imaging::LabelMap label, label_of(document, size));
      return data.add(folder / image_name, name, label);
    }
    const Json* const embedded = find_field(document, "imageData");
    if (embedded == nullptr || !embedded->IsString()) {
      return {ErrorCode::not_found, "its image '" + image_name +
                                        "' is neither beside it nor embedded: give the folder with --images"};
    }
    GRAPHRUN_ASSIGN(const std::string image, decode_base64(text_of(*embedded)).with_context("'imageData'"));
    GRAPHRUN_ASSIGN(const ImageHeader header, read_image_header(image).with_context("'imageData'"));
    GRAPHRUN_ASSIGN(const imaging::LabelMap label, label_of(document, upright_size(header)));
    return data.add(std::string_view(image), name, label);
  }

  Result<imaging::LabelMap> label_of(const Json& document, const imaging::Extent& size) const {
    imaging::LabelMap map{size.height, size.width,
                          std::vector<ClassId>(static_cast<std::size_t>(size.height * size.width))};
    const std::pair<const char*, std::int64_t> sides[] = {{"imageHeight", size.height},
                                                          {"imageWidth", size.width}};
    for (const auto& [key, side] : sides) {
      const Json* const said = find_field(document, key);
      if (said != nullptr && said->IsInt64() && said->GetInt64() != side) {
        return Status(ErrorCode::invalid_file, std::string("'") + key + "' is " +
                                                   std::to_string(said->GetInt64()) +
                                                   ", but the image's is " + std::to_string(side));
      }
    }
    GRAPHRUN_ASSIGN(const Json* const shapes, shapes_of(document));
    for (rapidjson::SizeType i = 0; i < shapes->Size(); ++i) {
      GRAPHRUN_ASSIGN(const std::string label, text_field((*shapes)[i], "label"));
      const Canvas canvas{map, classes_.of_label.at(label)};
      GRAPHRUN_TRY(fill_labelme_shape(canvas, (*shapes)[i]).with_context("shape " + std::to_string(i)));
    }
    return map;
  }

  const ImportRequest& request_;
  std::vector<fs::path> files_;
  Classes classes_;
};

}  // namespace

Result<Imported> import_labelme(const ImportRequest& request) try {
  GRAPHRUN_ASSIGN(std::vector<fs::path> files, json_files(request.source));
  return Import(request, std::move(files)).run();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
