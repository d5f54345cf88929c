#include "runtime/weights/bundle.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "runtime/core/atomic_file.h"
#include "runtime/core/checked.h"
#include "runtime/core/crc32c.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

// The first byte is no text, the ends of line are changed by whoever takes the file for text.
constexpr char kMagic[8] = {'\x8b', 'G', 'R', 'U', 'N', '\r', '\n', '\x1a'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMaxParts = 64;
constexpr std::int64_t kAlignment = 4096;
constexpr std::size_t kNameBytes = 32;
constexpr std::uint32_t kRequired = 1;  // the one flag of an entry

// As they stand in the file, little endian (tensor_table.cpp asserts that of the machine).
struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t parts;
  std::uint64_t file_bytes;
  std::uint32_t table_crc;  // of the table behind the header
  std::uint32_t crc;        // of the header's bytes before this one
  std::uint8_t zero[32];
};
struct Entry {
  char name[kNameBytes];  // filled up with zeros, of which there is at least one
  std::uint32_t version;
  std::uint32_t flags;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint32_t crc;
  std::uint32_t zero;
};
static_assert(sizeof(Header) == 64 && sizeof(Entry) == 64);

constexpr std::size_t kBeforeHeaderCrc = offsetof(Header, crc);

std::span<const std::byte> first_bytes(const Header& header) {
  return std::as_bytes(std::span(&header, 1)).first(kBeforeHeaderCrc);
}

Status broken(const std::string& what) { return {ErrorCode::invalid_file, "broken bundle: " + what}; }

std::optional<std::int64_t> aligned(std::int64_t offset) {
  const auto sum = core::checked_add(offset, kAlignment - 1);
  if (!sum) return std::nullopt;
  return *sum / kAlignment * kAlignment;
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

bool is_name(std::string_view name) {
  constexpr std::string_view kOther = "._-";
  return !name.empty() && name.size() < kNameBytes && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || kOther.find(c) != std::string_view::npos;
  });
}

// The name of an entry; empty where it is none.
std::string name_of(const Entry& entry) {
  const std::string_view all(entry.name, kNameBytes);
  const std::string_view name = all.substr(0, all.find('\0'));
  const std::string_view rest = all.substr(name.size());
  const bool filled = std::ranges::all_of(rest, [](char c) { return c == '\0'; });
  return filled && is_name(name) ? std::string(name) : std::string();
}

Result<Header> read_header(std::span<const std::byte> file) {
  Header header{};
  if (file.size() < sizeof header) return broken("it ends in its header");
  std::memcpy(&header, file.data(), sizeof header);
  if (core::crc32c(first_bytes(header)) != header.crc ||
      !all_zero(std::as_bytes(std::span(header.zero, sizeof header.zero))))
    return broken("the header's checksum is wrong");
  if (header.version != kVersion) {
    return {ErrorCode::unsupported, "a bundle of version " + std::to_string(header.version) +
                                        "; this program reads version " + std::to_string(kVersion)};
  }
  if (header.file_bytes != file.size()) {
    return broken(std::to_string(file.size()) + " bytes, of " + std::to_string(header.file_bytes) +
                  " that were written");
  }
  if (header.parts > kMaxParts) return broken(std::to_string(header.parts) + " parts");
  return header;
}

Result<std::vector<Entry>> read_table(std::span<const std::byte> file, const Header& header) {
  std::vector<Entry> entries(header.parts);
  const std::size_t bytes = entries.size() * sizeof(Entry);
  if (file.size() - sizeof header < bytes) return broken("it ends in its table");
  const std::span<const std::byte> table = file.subspan(sizeof header, bytes);
  if (core::crc32c(table) != header.table_crc) return broken("the table's checksum is wrong");
  if (bytes > 0) std::memcpy(entries.data(), table.data(), bytes);
  return entries;
}

// The bytes of the part that begins where the last one ended, at `end`, which is moved behind it.
Result<std::span<const std::byte>> part_of(std::span<const std::byte> file, const Entry& entry,
                                           std::int64_t& end) {
  constexpr auto kMax = static_cast<std::uint64_t>(INT64_MAX);
  const std::optional<std::int64_t> begin = aligned(end);
  if (!begin || entry.offset > kMax || entry.bytes > kMax ||
      static_cast<std::int64_t>(entry.offset) != *begin)
    return broken("a part does not begin where the one before it ends");
  const auto behind = core::checked_add(*begin, static_cast<std::int64_t>(entry.bytes));
  if (!behind || *behind > static_cast<std::int64_t>(file.size()))
    return broken("a part ends behind the file");
  const auto from = static_cast<std::size_t>(end);
  if (!all_zero(file.subspan(from, static_cast<std::size_t>(*begin) - from)))
    return broken("bytes between its parts");
  const std::span<const std::byte> bytes =
      file.subspan(static_cast<std::size_t>(*begin), static_cast<std::size_t>(entry.bytes));
  if (core::crc32c(bytes) != entry.crc) return broken("a part's checksum is wrong");
  end = *behind;
  return bytes;
}

// Whether the reader takes the part.
Result<bool> is_known(const std::string& name, const Entry& entry, std::span<const KnownPart> known) {
  if ((entry.flags & ~kRequired) != 0 || entry.zero != 0)
    return broken("unknown marks of part " + quoted(name));
  const auto found = std::ranges::find(known, name, &KnownPart::name);
  if (found != known.end() && entry.version <= found->version) return true;
  if ((entry.flags & kRequired) == 0) return false;
  return {ErrorCode::unsupported, "the bundle needs its part " + quoted(name) + " of version " +
                                      std::to_string(entry.version) + ", which this program does not know"};
}

Status check_sources(std::span<const PartSource> parts) {
  std::set<std::string_view> names;
  if (parts.size() > kMaxParts) return {ErrorCode::invalid_argument, "more than 64 parts of a bundle"};
  for (const PartSource& part : parts) {
    if (!is_name(part.name) || !names.insert(part.name).second)
      return {ErrorCode::invalid_argument, quoted(part.name) + " is no name for a part, or is there twice"};
  }
  return {};
}

// Where the part will lie, behind `end`, which is moved behind it.
Result<Entry> entry_of(const PartSource& part, std::int64_t& end) {
  Entry entry{};
  part.name.copy(entry.name, part.name.size());
  entry.version = part.version;
  entry.flags = part.required ? kRequired : 0;
  std::int64_t bytes = 0;
  GRAPHRUN_TRY(part.emit([&](std::span<const std::byte> piece) {
    entry.crc = core::crc32c(piece, entry.crc);
    bytes += std::ssize(piece);
    return Status();
  }));
  const std::int64_t begin = aligned(end).value_or(end);
  entry.offset = static_cast<std::uint64_t>(begin);
  entry.bytes = static_cast<std::uint64_t>(bytes);
  end = begin + bytes;
  return entry;
}

}  // namespace

Status write_bundle(const std::string& path, std::span<const PartSource> parts) {
  GRAPHRUN_TRY(check_sources(parts).with_context(path));
  std::vector<Entry> entries;
  std::int64_t end = static_cast<std::int64_t>(sizeof(Header) + parts.size() * sizeof(Entry));
  std::int64_t written = end;
  for (const PartSource& part : parts) {
    GRAPHRUN_ASSIGN(const Entry entry, entry_of(part, end).with_context(path));
    entries.push_back(entry);
  }
  Header header{};
  std::copy_n(kMagic, sizeof kMagic, header.magic);
  header.version = kVersion;
  header.parts = static_cast<std::uint32_t>(parts.size());
  header.file_bytes = static_cast<std::uint64_t>(end);
  header.table_crc = core::crc32c(std::as_bytes(std::span(entries)));
  header.crc = core::crc32c(first_bytes(header));
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path));
  GRAPHRUN_TRY(file.write(std::as_bytes(std::span(&header, 1))));
  GRAPHRUN_TRY(file.write(std::as_bytes(std::span(entries))));
  const std::vector<std::byte> zeros(kAlignment);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto gap = static_cast<std::size_t>(static_cast<std::int64_t>(entries[i].offset) - written);
    GRAPHRUN_TRY(file.write(std::span(zeros).first(gap)));
    GRAPHRUN_TRY(parts[i]
                     .emit([&](std::span<const std::byte> piece) { return file.write(piece); })
                     .with_context(path));
    written = static_cast<std::int64_t>(entries[i].offset + entries[i].bytes);
  }
  return file.commit();
}

bool Bundle::is_bundle(std::span<const std::byte> file) {
  return file.size() >= sizeof kMagic && std::memcmp(file.data(), kMagic, sizeof kMagic) == 0;
}

Result<Bundle> Bundle::open(std::shared_ptr<const core::MappedFile> file, std::span<const KnownPart> known) {
  const std::span<const std::byte> bytes = file->bytes();
  if (!is_bundle(bytes)) return {ErrorCode::invalid_file, "is no bundle"};
  GRAPHRUN_ASSIGN(const Header header, read_header(bytes));
  GRAPHRUN_ASSIGN(const std::vector<Entry> entries, read_table(bytes, header));
  Bundle bundle;
  std::set<std::string> names;
  std::int64_t end = static_cast<std::int64_t>(sizeof header + entries.size() * sizeof(Entry));
  for (const Entry& entry : entries) {
    const std::string name = name_of(entry);
    if (name.empty() || !names.insert(name).second) return broken("the name of a part");
    GRAPHRUN_ASSIGN(const std::span<const std::byte> part, part_of(bytes, entry, end));
    GRAPHRUN_ASSIGN(const bool taken, is_known(name, entry, known));
    if (taken) bundle.parts_.push_back({name, part});
  }
  if (end != std::ssize(bytes)) return broken("bytes behind its last part");
  bundle.file_ = std::move(file);
  return bundle;
}

const std::span<const std::byte>* Bundle::find(std::string_view name) const {
  const auto found = std::ranges::find(parts_, name, &Part::name);
  return found == parts_.end() ? nullptr : &found->bytes;
}

}  // namespace graphrun::weights
