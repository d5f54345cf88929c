#include "training/jobs/file_rows.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "datasets/orientation.h"

namespace graphrun::training {

Result<std::unique_ptr<FileRows>> FileRows::open(const std::string& file,
                                                 const datasets::ImageSource& source) {
  GRAPHRUN_ASSIGN(const std::vector<std::filesystem::path> files, datasets::files_of(file, source));
  std::unique_ptr<FileRows> rows(new FileRows(source));
  for (const std::filesystem::path& part : files) GRAPHRUN_TRY(rows->add(part.string(), files.size() == 1));
  GRAPHRUN_TRY(rows->check_channels().with_context(file));
  return rows;
}

Status FileRows::add(const std::string& file, bool is_alone) {
  Part part{file, nullptr, nullptr};
  GRAPHRUN_ASSIGN(part.bytes, datasets::open_source(file));
  GRAPHRUN_ASSIGN(part.rows, (is_alone ? datasets::open_rows(*part.bytes, form_)
                                       : datasets::open_stored_rows(*part.bytes, false))
                                 .with_context(file));
  const datasets::StoredForm& stored = part.rows->form();
  if (stored.orientation != datasets::kUpright)
    return {ErrorCode::unsupported, file + ": is turned by its orientation " +
                                        std::to_string(stored.orientation) +
                                        ", which takes the whole image: save it upright"};
  if (!is_alone && !stored.palette.empty())
    return {ErrorCode::invalid_file, file + ": has a palette, whose indices are no numbers of pixels"};
  if (!is_alone && form_.pixels != imaging::ImageForm::Pixels::f32 && form_.pixels != stored.pixels)
    return {ErrorCode::invalid_file, file + ": has " + imaging::describe({stored.channels, stored.pixels}) +
                                         " where " + imaging::describe(form_) + " are expected"};
  if (!parts_.empty() && (stored.height != form().height || stored.width != form().width))
    return {ErrorCode::invalid_file, file + ": is of another size than " + parts_.front().file};
  parts_.push_back(std::move(part));
  return {};
}

Status FileRows::check_channels() const {
  std::int64_t channels = 0;
  for (const Part& part : parts_) channels += part.rows->form().channels;
  if (channels == form_.channels) return {};
  return {ErrorCode::invalid_file, "its files have " + std::to_string(channels) + " channels, and " +
                                       std::to_string(form_.channels) + " are expected"};
}

Status FileRows::read(std::int64_t count, void* to) {
  if (form_.is_picture()) {
    std::string reason;
    if (parts_.front().rows->next(count, static_cast<std::byte*>(to), reason)) return {};
    return {ErrorCode::invalid_file, parts_.front().file + ": " + reason};
  }
  auto* out = static_cast<float*>(to);
  for (std::int64_t i = 0; i < count; ++i, out += form().width * form_.channels)
    GRAPHRUN_TRY(read_numbers(out));
  return {};
}

// A row of each file, and of each pixel the channels of all.
Status FileRows::read_numbers(float* to) {
  float* first = to;
  for (Part& part : parts_) {
    const datasets::StoredForm& stored = part.rows->form();
    const std::int64_t numbers = stored.width * stored.channels;
    part.row.resize(static_cast<std::size_t>(stored.row_bytes()));
    part.numbers.resize(static_cast<std::size_t>(numbers));
    std::string reason;
    if (!part.rows->next(1, part.row.data(), reason))
      return {ErrorCode::invalid_file, part.file + ": " + reason};
    datasets::widen(part.row.data(), numbers, stored.pixels, part.numbers.data());
    if (!std::ranges::all_of(part.numbers, [](float value) { return std::isfinite(value); }))
      return {ErrorCode::invalid_file, part.file + ": has a number that is not finite"};
    const float* from = part.numbers.data();
    float* out = first;
    for (std::int64_t x = 0; x < stored.width; ++x, from += stored.channels, out += form_.channels)
      std::copy_n(from, stored.channels, out);
    first += stored.channels;
  }
  return {};
}

}  // namespace graphrun::training
