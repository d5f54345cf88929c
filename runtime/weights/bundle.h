#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/status.h"
#include "runtime/core/mapped_file.h"

// One file of several parts, made to be mapped (doc/format.md, "Bundles"): a header of 64 bytes, a table of
// the parts, the parts themselves at multiples of 4096 bytes.
namespace graphrun::weights {

inline constexpr std::string_view kBundleSuffix = ".grun";

// Takes the next bytes of a part.
using ByteSink = std::function<Status(std::span<const std::byte>)>;

// A part that is to be written. `emit` gives its bytes in order, and the same ones each time it is called:
// once for length and checksum, which stand in front of them, and once for the file.
struct PartSource {
  std::string name;  // 1 to 31 of a-z, 0-9, '.', '_' and '-'
  std::uint32_t version = 1;
  bool required = true;
  std::function<Status(const ByteSink&)> emit;
};

// The file appears whole or not at all. Errors: a name that is none or is there twice, more than 64 parts,
// the disk's, those of `emit`.
Status write_bundle(const std::string& path, std::span<const PartSource> parts);

// A part that the reader understands, up to a version.
struct KnownPart {
  std::string_view name;
  std::uint32_t version = 1;
};

// An opened bundle. Immutable: may be shared by threads.
class Bundle {
 public:
  // Reads all of the file once, to compare checksums. Errors: not_found, io; invalid_file where a byte is not
  // what was written; unsupported where a required part is none of `known`, or of a later version. Other
  // parts of that kind are passed over.
  static Result<Bundle> open(std::shared_ptr<const core::MappedFile> file, std::span<const KnownPart> known);
  // The file begins as a bundle does.
  static bool is_bundle(std::span<const std::byte> file);

  // The bytes of a known part, as long as file() lives; null where the bundle has none of that name.
  const std::span<const std::byte>* find(std::string_view name) const;
  const std::shared_ptr<const core::MappedFile>& file() const { return file_; }

 private:
  struct Part {
    std::string name;
    std::span<const std::byte> bytes;
  };
  Bundle() = default;
  std::shared_ptr<const core::MappedFile> file_;
  std::vector<Part> parts_;
};

}  // namespace graphrun::weights
