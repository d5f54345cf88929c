#include <algorithm>
#include <array>
#include <string>

#include "datasets/image_header.h"

namespace graphrun::datasets {

namespace {

using namespace std::string_view_literals;

struct Beginning {
  std::size_t at;
  std::string_view bytes;
  const char* meaning;
};

// The longer ones first where one begins with the other.
constexpr std::array<Beginning, 27> kBeginnings = {{
    {0, "version https://git-lfs"sv, "is a git-lfs pointer, not the file itself: run `git lfs pull`"},
    {0, "\x89PNG\r\n\x1a\n"sv, "is a PNG image"},
    {0, "\x89PNG"sv, "is a PNG image that was changed as text (line ends): transfer it as binary"},
    {0, "\xFF\xD8"sv, "is a JPEG image"},
    {0, "II*\0"sv, "is a TIFF image"},
    {0, "MM\0*"sv, "is a TIFF image"},
    {0, "II+\0"sv, "is a BigTIFF image"},
    {0, "MM\0+"sv, "is a BigTIFF image"},
    {8, "WEBP"sv, "is a WebP image"},
    {0, "GIF8"sv, "is a GIF image"},
    {0, "BM"sv, "is a BMP image"},
    {4, "ftypavif"sv, "is an AVIF image"},
    {4, "ftyphei"sv, "is a HEIC image"},
    {4, "ftypmif1"sv, "is a HEIF image"},
    {4, "ftyp"sv, "is an MP4 or QuickTime file"},
    {4, "jP  \r\n"sv, "is a JPEG 2000 image"},
    {0, "\xFF\x4F\xFF\x51"sv, "is a JPEG 2000 image"},
    {0, "8BPS"sv, "is a Photoshop document"},
    {0, "\x76\x2F\x31\x01"sv, "is an OpenEXR image"},
    {0, "\0\x05\x16\x07"sv, "is an AppleDouble file of macOS, which only accompanies the file itself"},
    {0, "\x93NUMPY"sv, "is a NumPy array"},
    {0, "\x89HDF"sv, "is an HDF5 file"},
    {0, "MATLAB 5.0"sv, "is a MATLAB file"},
    {0, "%PDF"sv, "is a PDF document"},
    {0, "PK\x03\x04"sv, "is a ZIP archive"},
    {0, "\x1F\x8B"sv, "is a gzip archive"},
    {0, "Rar!"sv, "is a RAR archive"},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

const char* describe_text(std::string_view file) {
  constexpr std::size_t kLooked = 512;
  if (file.starts_with("\xEF\xBB\xBF"sv)) file.remove_prefix(3);
  file.remove_prefix(std::min(file.find_first_not_of(" \t\r\n"), file.size()));
  const std::string start = lower(file.substr(0, kLooked));
  if (start.find("<html") != std::string::npos || start.starts_with("<!doctype html"))
    return "is an HTML page, perhaps of a download that failed";
  if (start.find("<svg") != std::string::npos) return "is an SVG drawing";
  if (start.starts_with("<?xml") || start.starts_with("<")) return "is an XML file";
  if (start.starts_with("{") || start.starts_with("[")) return "is a JSON file";
  const auto is_text = [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || (c >= '\t' && c <= '\r');
  };
  if (!start.empty() && std::ranges::all_of(start, is_text)) return "is a text file";
  return nullptr;
}

}  // namespace

std::string describe_content(std::string_view file) {
  if (file.empty()) return "is empty";
  for (const Beginning& kind : kBeginnings) {
    if (file.size() > kind.at && file.substr(kind.at).starts_with(kind.bytes)) return kind.meaning;
  }
  if (file.find_first_not_of('\0') == std::string_view::npos)
    return "holds zero bytes alone, as a copy that failed leaves";
  if (const char* text = describe_text(file)) return text;
  constexpr std::size_t kSignature = 8;
  return file.size() < kSignature ? "is cut off" : "is of no kind that is known here";
}

}  // namespace graphrun::datasets
