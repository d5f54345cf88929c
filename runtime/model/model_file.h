#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/model/graph.h"

// Models as files (program.fbs, doc/format.md).
namespace graphrun::model {

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint32_t kOldestFormatVersion = 1;  // that is read, through upgrade()
inline constexpr std::int64_t kMaxModelFileBytes = std::int64_t{64} << 20;
// What a file of so many bytes may expand to in memory: names and expressions stand in it once.
inline constexpr std::int64_t kMaxModelBytes = std::int64_t{256} << 20;
constexpr std::int64_t max_model_bytes(std::int64_t file_bytes) {
  constexpr std::int64_t kLeast = std::int64_t{24} << 20;
  constexpr std::int64_t kForEachByte = 16;
  return std::min(kMaxModelBytes, kLeast + kForEachByte * file_bytes);
}

// Equal models give equal bytes. Errors: a model beyond the limits of the format.
Result<std::vector<std::byte>> serialize(const Model& model);
// The file appears whole or not at all.
Status write_model(const Model& model, const std::string& path);

// A model that validate() accepts; every other sequence of bytes is an error (invalid_file; unsupported where
// the model needs an op library that the registry has not). `bytes` is not kept.
Result<Model> parse_model(std::span<const std::byte> bytes, const OpRegistry& registry);
Result<Model> read_model(const std::string& path, const OpRegistry& registry);

}  // namespace graphrun::model
