#include "training/jobs/tiled.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <span>
#include <utility>

#include "datasets/label_writer.h"
#include "datasets/sample_list.h"
#include "runtime/core/atomic_file.h"
#include "runtime/labelling/tiled.h"
#include "training/jobs/file_rows.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool is_tiff(const fs::path& file) {
  std::string suffix = file.extension().string();
  std::ranges::transform(suffix, suffix.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix == ".tif" || suffix == ".tiff";
}

// Puts windows together to rows, which it writes.
class Pictures {
 public:
  static Result<Pictures> create(const std::string& file, const datasets::StoredForm& form,
                                 const TiledFolder& out) {
    Pictures pictures(out.files, form.width);
    const auto classes = std::ssize(out.palette);
    const bool wide = classes > imaging::kMaxByteClasses;
    const auto add = [&](const char* kind, const datasets::IdPicture& picture, std::vector<Writer>& to) {
      return pictures.add_writer(file, out.folder / kind, picture, to);
    };
    GRAPHRUN_TRY(add("gray", {form.height, form.width, wide, {}}, pictures.ids_));
    // No palette has more colours.
    if (!wide)
      GRAPHRUN_TRY(
          add("color", {form.height, form.width, false, palette_of(out.palette, out.files)}, pictures.ids_));
    if (out.files.confidence)
      GRAPHRUN_TRY(add("confidence", {form.height, form.width, true, {}}, pictures.confidence_));
    return pictures;
  }

  Status add(LabelWindow window) {
    LabelMap& map = window.map;
    if (files_.threshold > 0) take_unsure(files_, map.confidence, map.ids);
    GRAPHRUN_TRY(put(map.ids, window, id_band_, ids_));
    if (confidence_.empty()) return {};
    return put(confidence_ids(map), window, confidence_band_, confidence_);
  }

  Status commit() {
    for (const std::vector<Writer>* writers : {&ids_, &confidence_}) {
      for (const Writer& writer : *writers) GRAPHRUN_TRY(writer->commit());
    }
    return {};
  }

 private:
  using Writer = std::unique_ptr<datasets::LabelWriter>;

  Pictures(const ProbabilityFiles& files, std::int64_t width) : files_(files), width_(width) {}

  static Status add_writer(const fs::path& file, const fs::path& folder, const datasets::IdPicture& picture,
                           std::vector<Writer>& to) {
    const std::string name = datasets::sample_name(file) + (is_tiff(file) ? ".tif" : ".png");
    GRAPHRUN_TRY(core::make_folders(folder.string()));
    GRAPHRUN_ASSIGN(to.emplace_back(),
                    datasets::LabelWriter::create(folder / name, picture, is_tiff(file) ? &file : nullptr));
    return {};
  }

  // A window's pixels into their rows, which are written with the last window of a row.
  Status put(const std::vector<ClassId>& pixels, const LabelWindow& window, std::vector<ClassId>& band,
             const std::vector<Writer>& writers) const {
    const LabelMap& map = window.map;
    band.resize(static_cast<std::size_t>(map.height * width_));
    for (std::int64_t y = 0; y < map.height; ++y)
      std::copy_n(pixels.begin() + y * map.width, map.width, band.begin() + y * width_ + window.left);
    if (window.left + map.width < width_) return {};
    // Some rows at a time, of which a writer makes bytes.
    constexpr std::int64_t kRows = 64;
    for (std::int64_t y = 0; y < map.height; y += kRows) {
      const std::int64_t rows = std::min(kRows, map.height - y);
      const auto part = std::span(band).subspan(static_cast<std::size_t>(y * width_),
                                                static_cast<std::size_t>(rows * width_));
      for (const Writer& writer : writers) GRAPHRUN_TRY(writer->write(part));
    }
    return {};
  }

  ProbabilityFiles files_;
  std::int64_t width_ = 0;
  std::vector<Writer> ids_{};
  std::vector<Writer> confidence_{};
  std::vector<ClassId> id_band_{};
  std::vector<ClassId> confidence_band_{};
};

}  // namespace

Status label_file(const std::string& file, const datasets::ImageSource& source,
                  const labelling::Labelling& labelling, const labelling::ProtocolSettings& protocol,
                  const TiledFolder& out, const TiledProgress& progress) {
  if (out.files.probabilities)
    return {ErrorCode::unsupported, file + ": by windows, probabilities of all classes are not written"};
  GRAPHRUN_TRY(check_files(out.files, std::ssize(out.palette)));
  GRAPHRUN_ASSIGN(const std::unique_ptr<FileRows> rows, FileRows::open(file, source));
  const datasets::StoredForm& stored = rows->form();
  GRAPHRUN_ASSIGN(Pictures pictures, Pictures::create(file, stored, out));
  const TiledImage image{stored.height, stored.width, source.form.channels,
                         source.form.is_picture() ? DType::u8 : DType::f32,
                         [&](std::int64_t count, void* to) { return rows->read(count, to); }};
  const auto write = [&](LabelWindow window) -> Status {
    const bool ends_row = window.left + window.map.width == stored.width;
    const std::int64_t done = window.top + window.map.height;
    GRAPHRUN_TRY(pictures.add(std::move(window)));
    if (ends_row) progress(done, stored.height);
    return {};
  };
  GRAPHRUN_TRY(labelling::label_tiled(labelling.protocol(), protocol, image, {labelling.max_bytes()}, write,
                                      out.files.details()));
  return pictures.commit();
}

}  // namespace graphrun::training
