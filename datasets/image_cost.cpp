#include "datasets/image_cost.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace graphrun::datasets {
namespace {

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

struct JpegScans {
  bool arithmetic = false;  // of the coefficients; else Huffman codes
  int scans = 0;            // counted up to kMaxScans + 1, where the decoder reads more than one
};

// Where the next marker's two bytes begin; npos where there is none. In a scan FF is followed by 00, or by
// the number of a restart (ITU-T T.81, B.1.1.5).
std::size_t next_marker(std::string_view file, std::size_t at) {
  while (true) {
    at = file.find('\xFF', at);
    if (at == std::string_view::npos || at + 1 >= file.size()) return std::string_view::npos;
    const auto code = static_cast<std::uint8_t>(file[at + 1]);
    if (code != 0 && code != 0xFF && !(code >= 0xD0 && code <= 0xD7)) return at;
    at += code == 0xFF ? 1 : 2;
  }
}

JpegScans scans_of(std::string_view file) {
  JpegScans found;
  bool several = false;  // the decoder goes on after the first scan
  std::size_t components = 0;
  std::size_t at = 2;
  while ((at = next_marker(file, at)) != std::string_view::npos) {
    const auto marker = static_cast<std::uint8_t>(file[at + 1]);
    at += 2;
    if (marker == 0x01 || marker == 0xD8) continue;  // without a segment
    if (marker == 0xD9 || file.size() - at < 2) break;
    const std::string_view segment = file.substr(at, std::max(2U, big_endian(file.substr(at, 2))));
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && segment.size() >= 8) {
      found.arithmetic = marker >= 0xC9;
      several = several || marker % 4 == 2;  // progressive
      components = static_cast<std::uint8_t>(segment[7]);
    }
    if (marker == 0xDA) {
      several = several || (segment.size() > 2 && static_cast<std::uint8_t>(segment[2]) < components);
      if (++found.scans > kMaxScans || !several) break;
    }
    at += segment.size();
  }
  return found;
}

Status too_short() { return {ErrorCode::invalid_file, "is too short for the size that it claims"}; }

Status check_jpeg(std::string_view file, const ImageHeader& header) {
  constexpr std::int64_t kBlockPixels = 64;
  const std::int64_t pixels = header.height * header.width;
  const JpegScans found = scans_of(file);
  // A Huffman code has a bit for each block at least; arithmetic coding needs far less for equal ones.
  const std::int64_t blocks_of_byte = found.arithmetic ? 512 : 8;
  if (pixels / kBlockPixels > static_cast<std::int64_t>(file.size()) * blocks_of_byte) return too_short();
  // A scan is a walk over all blocks, of some nanoseconds each, and its own bytes may be few.
  constexpr int kUsualScans = 64;
  constexpr std::int64_t kMaxVisits = std::int64_t{1} << 34;
  const bool many = found.scans > kUsualScans && pixels * found.scans > kMaxVisits;
  if (found.scans <= kMaxScans && !many) return {};
  return {ErrorCode::invalid_file, "is a JPEG of more scans than its size may have"};
}

// Formats whose codes may be shorter than a bit for a pixel, or whose pixels may stand in the file once and
// be referred to often. What a few pixels take does no harm; more have at least the bytes that deflate needs.
Status check_share(std::string_view file, const ImageHeader& header) {
  constexpr std::int64_t kFewPixels = std::int64_t{1} << 24;
  constexpr std::int64_t kPixelsOfByte = 1032;
  const std::int64_t pixels = header.height * header.width;
  const bool plausible = pixels <= kFewPixels || pixels / kPixelsOfByte <= std::ssize(file);
  return plausible ? Status() : too_short();
}

bool is_compressed_text(std::string_view type) { return type == "zTXt" || type == "iTXt" || type == "iCCP"; }

// PNG chunks (RFC 2083, 3.2): length, type, data, check sum.
constexpr std::size_t kChunkFrame = 12;

// The chunk that begins there, whole; empty where the file ends before.
std::string_view chunk_at(std::string_view file, std::size_t at) {
  if (at > file.size() || file.size() - at < kChunkFrame) return {};
  const std::size_t size = kChunkFrame + std::size_t{big_endian(file.substr(at, 4))};
  return size > file.size() - at ? std::string_view() : file.substr(at, size);
}

constexpr std::size_t kSignature = 8;

// A decoder allocates what a chunk claims to be, before it looks for that.
Status check_chunks(std::string_view file) {
  for (std::size_t at = kSignature; at < file.size();) {
    const std::string_view chunk = chunk_at(file, at);
    if (chunk.empty()) return {ErrorCode::invalid_file, "is cut off: the PNG ends within a chunk"};
    if (chunk.substr(4, 4) == "IEND") break;
    at += chunk.size();
  }
  return {};
}

void take_out_texts(std::string& file) {
  constexpr std::size_t kExpansion = 1032;              // of deflate, at most
  constexpr std::size_t kKept = std::size_t{16} << 20;  // bytes that texts may become
  std::size_t expanded = 0;
  for (std::size_t at = kSignature; at <= file.size();) {
    const std::string_view chunk = chunk_at(file, at);
    if (chunk.empty()) break;
    if (is_compressed_text(chunk.substr(4, 4))) expanded += chunk.size() * kExpansion;
    at += chunk.size();
  }
  if (expanded <= kKept) return;
  std::size_t end = kSignature;
  std::size_t at = kSignature;
  while (at <= file.size()) {
    const std::string_view chunk = chunk_at(file, at);
    if (chunk.empty()) break;
    const std::size_t size = chunk.size();
    if (!is_compressed_text(chunk.substr(4, 4))) {
      std::memmove(file.data() + end, chunk.data(), size);
      end += size;
    }
    at += size;
  }
  file.erase(end, at - end);
}

}  // namespace

Status limit_image_cost(std::string& file, const ImageHeader& header) {
  if (header.format == ImageFormat::jpeg) return check_jpeg(file, header);
  if (header.format != ImageFormat::png) return check_share(file, header);
  GRAPHRUN_TRY(check_chunks(file));
  take_out_texts(file);
  return {};
}

}  // namespace graphrun::datasets
