#include "training/jobs/tiled.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include "datasets/image_source.h"
#include "datasets/label_writer.h"
#include "datasets/orientation.h"
#include "datasets/rows.h"
#include "datasets/sample_list.h"
#include "runtime/core/atomic_file.h"
#include "runtime/labelling/tiled.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

bool is_tiff(const fs::path& file) {
  std::string suffix = file.extension().string();
  std::ranges::transform(suffix, suffix.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix == ".tif" || suffix == ".tiff";
}

// A file's rows as a network takes them.
class FileRows {
 public:
  static Result<std::unique_ptr<FileRows>> open(const std::string& file, const imaging::ImageForm& form) {
    std::unique_ptr<FileRows> rows(new FileRows());
    GRAPHRUN_ASSIGN(rows->source_, datasets::open_source(file));
    GRAPHRUN_ASSIGN(rows->rows_, datasets::open_rows(*rows->source_, form).with_context(file));
    rows->is_picture_ = form.is_picture();
    rows->file_ = file;
    if (rows->form().orientation == datasets::kUpright) return rows;
    return {ErrorCode::unsupported, file + ": is turned by its orientation " +
                                        std::to_string(rows->form().orientation) +
                                        ", which takes the whole image: save it upright"};
  }

  const datasets::StoredForm& form() const { return rows_->form(); }

  Status read(std::int64_t count, void* to) {
    std::string reason;
    if (is_picture_) {
      if (rows_->next(count, static_cast<std::byte*>(to), reason)) return {};
      return {ErrorCode::invalid_file, file_ + ": " + reason};
    }
    row_.resize(static_cast<std::size_t>(form().row_bytes()));
    const std::int64_t numbers = form().width * form().channels;
    auto* out = static_cast<float*>(to);
    for (std::int64_t i = 0; i < count; ++i, out += numbers) {
      if (!rows_->next(1, row_.data(), reason)) return {ErrorCode::invalid_file, file_ + ": " + reason};
      datasets::widen(row_.data(), numbers, form().pixels, out);
      if (!std::all_of(out, out + numbers, [](float value) { return std::isfinite(value); }))
        return {ErrorCode::invalid_file, file_ + ": has a number that is not finite"};
    }
    return {};
  }

 private:
  FileRows() = default;
  std::string file_;
  bool is_picture_ = true;
  std::unique_ptr<datasets::ByteSource> source_;
  std::unique_ptr<datasets::RowReader> rows_;
  std::vector<std::byte> row_;
};

// Puts windows together to rows, which it writes.
class Pictures {
 public:
  static Result<Pictures> create(const std::string& file, const datasets::StoredForm& form,
                                 const TiledFolder& out) {
    Pictures pictures;
    pictures.width_ = form.width;
    const bool wide = out.palette.size() > static_cast<std::size_t>(imaging::kMaxByteClasses);
    const fs::path like = file;
    const std::string name = datasets::sample_name(file) + (is_tiff(like) ? ".tif" : ".png");
    for (const auto& [folder, palette] :
         {std::pair("gray", std::vector<imaging::Color>()), std::pair("color", out.palette)}) {
      if (wide && !palette.empty()) continue;  // no palette has so many
      GRAPHRUN_TRY(core::make_folders((out.folder / folder).string()));
      GRAPHRUN_ASSIGN(
          pictures.writers_.emplace_back(),
          datasets::LabelWriter::create(out.folder / folder / name, {form.height, form.width, wide, palette},
                                        is_tiff(like) ? &like : nullptr));
    }
    return pictures;
  }

  Status add(const LabelWindow& window) {
    const LabelMap& map = window.map;
    band_.resize(static_cast<std::size_t>(map.height * width_));
    for (std::int64_t y = 0; y < map.height; ++y)
      std::copy_n(map.ids.begin() + y * map.width, map.width, band_.begin() + y * width_ + window.left);
    if (window.left + map.width < width_) return {};
    // Some rows at a time, of which a writer makes bytes.
    constexpr std::int64_t kRows = 64;
    for (std::int64_t y = 0; y < map.height; y += kRows) {
      const std::int64_t rows = std::min(kRows, map.height - y);
      const auto part = std::span(band_).subspan(static_cast<std::size_t>(y * width_),
                                                 static_cast<std::size_t>(rows * width_));
      for (const auto& writer : writers_) GRAPHRUN_TRY(writer->write(part));
    }
    return {};
  }

  Status commit() {
    for (const auto& writer : writers_) GRAPHRUN_TRY(writer->commit());
    return {};
  }

 private:
  std::int64_t width_ = 0;
  std::vector<std::unique_ptr<datasets::LabelWriter>> writers_;
  std::vector<ClassId> band_;
};

}  // namespace

Status label_file(const std::string& file, const imaging::ImageForm& form,
                  const labelling::Labelling& labelling, const labelling::ProtocolSettings& protocol,
                  const TiledFolder& out, const TiledProgress& progress) {
  GRAPHRUN_ASSIGN(const std::unique_ptr<FileRows> rows, FileRows::open(file, form));
  const datasets::StoredForm& stored = rows->form();
  GRAPHRUN_ASSIGN(Pictures pictures, Pictures::create(file, stored, out));
  const TiledImage image{stored.height, stored.width, form.channels,
                         form.is_picture() ? DType::u8 : DType::f32,
                         [&](std::int64_t count, void* to) { return rows->read(count, to); }};
  const auto write = [&](const LabelWindow& window) -> Status {
    GRAPHRUN_TRY(pictures.add(window));
    if (window.left + window.map.width == stored.width)
      progress(window.top + window.map.height, stored.height);
    return {};
  };
  GRAPHRUN_TRY(labelling::label_tiled(labelling.protocol(), protocol, image, {labelling.max_bytes()}, write));
  return pictures.commit();
}

}  // namespace graphrun::training
