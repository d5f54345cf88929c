#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::core {

// The bytes of a regular file. Errors: not_found; io; invalid_file where it has more than max_bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes);

// Its first bytes; all of them where there are fewer.
Result<std::string> read_beginning(const std::filesystem::path& path, std::int64_t bytes);

// Writes the file whole or not at all, as AtomicFile does.
Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
Status write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace graphrun::core
