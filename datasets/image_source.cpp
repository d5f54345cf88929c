#include "datasets/image_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "datasets/image_cost.h"
#include "datasets/image_header.h"
#include "datasets/orientation.h"
#include "datasets/rows.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/core/npy_header.h"

namespace graphrun::datasets {
namespace {

using Pixels = imaging::ImageForm::Pixels;

constexpr std::int64_t kMaxFileBytes = std::int64_t{4} << 30;
constexpr std::int64_t kMaxValues = std::int64_t{1} << 30;  // of an image in memory

// A number that is none would spread over the whole label map.
Status check_finite(const imaging::Image& image) {
  const auto strange = std::ranges::find_if(image.values, [](float value) { return !std::isfinite(value); });
  if (strange == image.values.end()) return {};
  const std::int64_t at = (strange - image.values.begin()) / image.channels;
  return {ErrorCode::invalid_file, "has a number that is not finite at row " +
                                       std::to_string(at / image.width) + ", column " +
                                       std::to_string(at % image.width)};
}

// What a short file may claim: as much as deflate makes of it, or little.
Status limit_values(std::int64_t pixels, std::int64_t channels, std::size_t file_bytes) {
  constexpr std::int64_t kFew = std::int64_t{1} << 24;
  constexpr std::int64_t kOfByte = 1032;
  if (pixels > imaging::kMaxPixels || pixels * channels > kMaxValues) {
    return {ErrorCode::invalid_file, "has more than " + std::to_string(kMaxValues) +
                                         " numbers: grun predict --tiled labels larger images"};
  }
  if (pixels * channels <= kFew || pixels * channels / kOfByte <= static_cast<std::int64_t>(file_bytes))
    return {};
  return {ErrorCode::invalid_file, "is too short for the size that it claims"};
}

struct Found {
  imaging::Image image;
  Pixels pixels = Pixels::u8;
  int orientation = kUpright;
};

Result<Found> decode_rows(const std::string& file) {
  const BytesInMemory bytes(file);
  GRAPHRUN_ASSIGN(const std::unique_ptr<RowReader> rows, open_stored_rows(bytes, false));
  const StoredForm& form = rows->form();
  if (!form.palette.empty())
    return {ErrorCode::invalid_file, "has a palette, whose indices are no numbers of pixels"};
  GRAPHRUN_TRY(limit_values(form.height * form.width, form.channels, file.size()));
  Found found{{form.height, form.width, {}, form.channels, {}}, form.pixels, form.orientation};
  found.image.values.resize(static_cast<std::size_t>(form.height * form.width * form.channels));
  std::vector<std::byte> row(static_cast<std::size_t>(form.row_bytes()));
  const std::int64_t numbers = form.width * form.channels;
  for (std::int64_t y = 0; y < form.height; ++y) {
    std::string reason;
    if (!rows->next(1, row.data(), reason)) return {ErrorCode::invalid_file, reason};
    widen(row.data(), numbers, form.pixels, found.image.values.data() + y * numbers);
  }
  return found;
}

struct NpyForm {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
  bool planar = false;  // (channels, H, W)
  Pixels pixels = Pixels::u8;
};

Result<NpyForm> npy_form(const core::NpyHeader& header, std::int64_t channels) {
  NpyForm form;
  if (header.descr == "|u1") {
    form.pixels = Pixels::u8;
  } else if (header.descr == "<u2") {
    form.pixels = Pixels::u16;
  } else if (header.descr == "<f4") {
    form.pixels = Pixels::f32;
  } else {
    return {ErrorCode::unsupported,
            "is an array of '" + header.descr + "'; images are of '|u1', '<u2' or '<f4'"};
  }
  const Shape& shape = header.shape;
  if (shape.rank() == 2) {
    form.height = shape[0], form.width = shape[1];
  } else if (shape.rank() == 3 && shape[2] == channels) {
    form.height = shape[0], form.width = shape[1], form.channels = shape[2];
  } else if (shape.rank() == 3 && shape[0] == channels) {
    form.planar = true;
    form.channels = shape[0], form.height = shape[1], form.width = shape[2];
  } else {
    return {ErrorCode::invalid_file, "has the shape " + to_string(shape) + "; an image of " +
                                         std::to_string(channels) +
                                         " channels is (H, W, channels) or (channels, H, W)"};
  }
  const bool is_image =
      form.height >= 1 && form.width >= 1 && form.height <= imaging::kMaxPixels / form.width;
  if (is_image) return form;
  return {ErrorCode::invalid_file, "has the shape " + to_string(shape) + ", which is no size of an image"};
}

Result<Found> decode_npy(const std::string& file, std::int64_t channels) {
  GRAPHRUN_ASSIGN(const core::NpyHeader header, core::parse_npy_header(file));
  GRAPHRUN_ASSIGN(const NpyForm form, npy_form(header, channels));
  const std::int64_t pixels = form.height * form.width;
  GRAPHRUN_TRY(limit_values(pixels, form.channels, file.size()));
  const std::int64_t count = pixels * form.channels;
  const std::int64_t bytes = form.pixels == Pixels::f32 ? 4 : form.pixels == Pixels::u16 ? 2 : 1;
  if (static_cast<std::int64_t>(file.size() - header.data_at) != count * bytes)
    return {ErrorCode::invalid_file, "has fewer or more bytes than its shape says"};
  std::vector<float> values(static_cast<std::size_t>(count));
  widen(reinterpret_cast<const std::byte*>(file.data()) + header.data_at, count, form.pixels, values.data());
  Found found{{form.height, form.width, {}, form.channels, {}}, form.pixels, kUpright};
  if (!form.planar) {
    found.image.values = std::move(values);
    return found;
  }
  found.image.values.resize(values.size());
  for (std::int64_t c = 0; c < form.channels; ++c) {
    for (std::int64_t i = 0; i < pixels; ++i)
      found.image.values[static_cast<std::size_t>(i * form.channels + c)] =
          values[static_cast<std::size_t>(c * pixels + i)];
  }
  return found;
}

// One file of an image: with all of the channels, or with those that it has.
Result<Found> read_part(const std::filesystem::path& path, std::int64_t channels) {
  GRAPHRUN_ASSIGN(std::string file, core::read_file(path, kMaxFileBytes));
  const auto decode = [&]() -> Result<Found> {
    if (file.starts_with(core::kNpyMagic)) return decode_npy(file, channels);
    GRAPHRUN_ASSIGN(const ImageHeader header,
                    read_image_header(file, "images of numbers are PNG, TIFF, JPEG or .npy files"));
    GRAPHRUN_TRY(limit_image_cost(file, header));
    return decode_rows(file);
  };
  Result<Found> found = decode().with_context(path.string());
  if (found.ok() && found->pixels == Pixels::f32)
    GRAPHRUN_TRY(check_finite(found->image).with_context(path.string()));
  return found;
}

// The channels of `part` into pixels of `channels`, from one of them on.
void spread(const imaging::Image& part, std::int64_t first, std::int64_t channels,
            std::vector<float>& values) {
  auto to = values.begin() + first;
  for (std::int64_t i = 0; i < part.height * part.width; ++i, to += channels)
    std::copy_n(part.values.begin() + i * part.channels, part.channels, to);
}

// Together: short files are no reason for many channels.
std::size_t bytes_of(const std::vector<std::filesystem::path>& files) {
  std::size_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    std::error_code unreadable;  // whoever reads it says so
    const std::uintmax_t size = std::filesystem::file_size(file, unreadable);
    if (!unreadable) bytes += static_cast<std::size_t>(size);
  }
  return bytes;
}

Status check_numbers(const Found& found, const imaging::ImageForm& form, const std::filesystem::path& path) {
  if (form.pixels == Pixels::f32 || form.pixels == found.pixels) return {};
  return {ErrorCode::invalid_file, path.string() + ": has " +
                                       imaging::describe({found.image.channels, found.pixels}) + " where " +
                                       imaging::describe(form) + " are expected"};
}

// Behind the first file's channels those of the others, as many as there are to be.
Status join(const std::vector<std::filesystem::path>& files, const ImageSource& source, Found& all) {
  const std::int64_t height = all.image.height;
  const std::int64_t width = all.image.width;
  const std::int64_t channels = source.form.channels;
  if (all.image.channels > channels) return {};
  GRAPHRUN_TRY(limit_values(height * width, channels, bytes_of(files)).with_context(files[0].string()));
  std::vector<float> values(static_cast<std::size_t>(height * width * channels));
  spread(all.image, 0, channels, values);
  for (std::size_t i = 1; i < files.size(); ++i) {
    GRAPHRUN_ASSIGN(const Found part, read_part(files[i], 1));
    GRAPHRUN_TRY(check_numbers(part, source.form, files[i]));
    if (part.image.height != height || part.image.width != width || part.orientation != all.orientation) {
      return {ErrorCode::invalid_file, files[i].string() + ": is of another size than " + files[0].string()};
    }
    const std::int64_t first = all.image.channels;
    all.image.channels += part.image.channels;
    if (all.image.channels > channels) return {};  // what the caller says of one file, too
    spread(part.image, first, channels, values);
  }
  all.image.values = std::move(values);
  return {};
}

Result<UprightImage> read_numbers(const std::filesystem::path& path, const ImageSource& source) {
  GRAPHRUN_ASSIGN(const std::vector<std::filesystem::path> files, files_of(path, source));
  const bool one = files.size() == 1;
  GRAPHRUN_ASSIGN(Found all, read_part(files.front(), one ? source.form.channels : 1));
  GRAPHRUN_TRY(check_numbers(all, source.form, files.front()));
  if (!one) GRAPHRUN_TRY(join(files, source, all));
  if (all.image.channels != source.form.channels) {
    return {ErrorCode::invalid_file,
            path.string() + ": has " + std::to_string(all.image.channels) +
                (one ? " channels" : " or more channels in its " + std::to_string(files.size()) + " files") +
                " where " + imaging::describe(source.form) + " are expected"};
  }
  return UprightImage{upright(std::move(all.image), all.orientation), all.orientation};
}

// Spreads a channel over a picture's 8 bits, from the 2nd to the 98th percentile of some of its numbers.
void stretch(const imaging::Image& image, std::int64_t channel, std::int64_t to_channel,
             imaging::Image& picture) {
  constexpr std::int64_t kLooked = 1 << 16;
  const std::int64_t pixels = image.height * image.width;
  const std::int64_t step = pixels / kLooked + 1;
  std::vector<float> some;
  for (std::int64_t i = 0; i < pixels; i += step)
    some.push_back(image.values[static_cast<std::size_t>(i * image.channels + channel)]);
  const auto percentile = [&](std::size_t percent) {
    const auto at = some.begin() + static_cast<std::ptrdiff_t>((some.size() - 1) * percent / 100);
    std::ranges::nth_element(some, at);
    return *at;
  };
  const float low = percentile(2);
  const float range = percentile(98) - low;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float value = image.values[static_cast<std::size_t>(i * image.channels + channel)];
    const float share = range > 0 ? std::clamp((value - low) / range, 0.0F, 1.0F) : 0.5F;
    picture.rgb[static_cast<std::size_t>(3 * i + to_channel)] =
        static_cast<std::uint8_t>(std::lround(255 * share));
  }
}

}  // namespace

void widen(const std::byte* from, std::int64_t count, Pixels pixels, float* to) {
  if (pixels == Pixels::f32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  } else if (pixels == Pixels::u16) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint16_t value = 0;
      std::memcpy(&value, from + 2 * i, sizeof(value));
      to[i] = static_cast<float>(value);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      to[i] = static_cast<float>(std::to_integer<std::uint8_t>(from[i]));
  }
}

Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& path,
                                                    const ImageSource& source) {
  if (source.files.empty()) return std::vector{path};
  const std::string& first = source.files.front();
  const std::string text = path.string();
  const std::size_t at = text.rfind(first);
  if (at == std::string::npos) {
    return {ErrorCode::invalid_file, text + ": does not have '" + first +
                                         "', which is the first of the data set's \"files\" of an image"};
  }
  std::vector<std::filesystem::path> files;
  for (const std::string& other : source.files) {
    std::string name = text;
    files.emplace_back(name.replace(at, first.size(), other));
  }
  return files;
}

Result<UprightImage> read_upright_image(const std::filesystem::path& path, const ImageSource& source) try {
  if (source.form.is_picture()) return read_upright_image(path);
  return read_numbers(path, source);
} catch (...) {
  return core::caught();
}

Result<imaging::Image> read_image(const std::filesystem::path& path, const ImageSource& source) {
  GRAPHRUN_ASSIGN(UprightImage read, read_upright_image(path, source));
  return std::move(read.image);
}

Result<imaging::Extent> read_image_size(const std::filesystem::path& path, const ImageSource& source) try {
  if (source.form.is_picture()) return read_image_size(path);
  constexpr std::int64_t kBeginning = 1 << 17;
  GRAPHRUN_ASSIGN(const std::string beginning, core::read_beginning(path, kBeginning));
  if (!beginning.starts_with(core::kNpyMagic)) return read_image_size(path);
  GRAPHRUN_ASSIGN(const core::NpyHeader header,
                  core::parse_npy_header(beginning).with_context(path.string()));
  const std::int64_t channels = source.files.size() > 1 ? 1 : source.form.channels;
  GRAPHRUN_ASSIGN(const NpyForm form, npy_form(header, channels).with_context(path.string()));
  return imaging::Extent{form.height, form.width};
} catch (...) {
  return core::caught();
}

imaging::Image picture_of(const imaging::Image& image) {
  if (image.is_rgb()) return image;
  imaging::Image picture{image.height, image.width,
                         std::vector<std::uint8_t>(static_cast<std::size_t>(3 * image.height * image.width))};
  for (std::int64_t c = 0; c < 3; ++c) stretch(image, image.channels < 3 ? 0 : c, c, picture);
  return picture;
}

}  // namespace graphrun::datasets
