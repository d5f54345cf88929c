#include <cstring>
#include <string>

#include "runtime/weights/pth.h"

namespace graphrun::weights {
namespace {

constexpr std::size_t kCountSize = 8;  // before each storage: its number of elements
constexpr std::int64_t kFormatVersion = 1001;

Status bad(std::string why) { return {ErrorCode::invalid_file, std::move(why)}; }

// Reads the next pickle and moves `rest` behind it.
Result<Pickle> next_pickle(std::span<const std::byte>& rest) {
  GRAPHRUN_ASSIGN(Pickle pickle, read_pickle(rest));
  rest = rest.subspan(pickle.size);
  return pickle;
}

// All storages that the pickle refers to, by key.
Result<std::unordered_map<std::string_view, PthStorage>> storages_of(const Pickle& pickle) {
  std::unordered_map<std::string_view, PthStorage> storages;
  for (const PickleObject& object : pickle.objects) {
    if (object.kind != PickleKind::storage) continue;
    GRAPHRUN_ASSIGN(const PthStorage storage, pth_storage(pickle, object));
    const auto [known, added] = storages.emplace(storage.key, storage);
    if (!added && (known->second.bytes != storage.bytes || known->second.type != storage.type)) {
      return bad("storage " + quoted(storage.key) + " has two sizes or types");
    }
  }
  return storages;
}

}  // namespace

bool is_pth_legacy(std::span<const std::byte> file) {
  // PROTO, [FRAME with its size,] LONG1 of ten bytes: PyTorch's magic number, STOP.
  constexpr unsigned char kMagic[] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                      0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
  constexpr std::size_t kPlain = 2;
  constexpr std::size_t kFramed = 11;
  const auto at = [&](std::size_t offset) {
    return file.size() >= offset + sizeof kMagic &&
           std::memcmp(file.data() + offset, kMagic, sizeof kMagic) == 0;
  };
  return at(kPlain) || at(kFramed);
}

Result<TensorTable> read_pth_legacy(std::span<const std::byte> file, const TensorChoice& choice) {
  std::span<const std::byte> rest = file;
  GRAPHRUN_TRY(next_pickle(rest));  // the magic number
  GRAPHRUN_ASSIGN(const Pickle version, next_pickle(rest));
  if (version[version.root].integer != kFormatVersion)
    return bad("an unknown version of PyTorch's older format");
  GRAPHRUN_ASSIGN(const Pickle system, next_pickle(rest));
  const PickleObject* little = system.find(system[system.root], "little_endian");
  if (little == nullptr || little->integer == 0) {
    return {ErrorCode::unsupported, "the checkpoint is not little endian"};
  }
  GRAPHRUN_ASSIGN(const Pickle pickle, next_pickle(rest));
  GRAPHRUN_ASSIGN(const auto storages, storages_of(pickle));
  GRAPHRUN_ASSIGN(const Pickle keys, next_pickle(rest));

  PthRecords records;
  for (const PickleId id : keys[keys.root].items) {
    const auto storage = storages.find(keys[id].text);
    if (storage == storages.end()) return bad("a storage " + quoted(keys[id].text) + " that no tensor uses");
    const auto size = static_cast<std::size_t>(storage->second.bytes);
    if (rest.size() < kCountSize || size > rest.size() - kCountSize) return bad("the file is truncated");
    std::int64_t count = 0;
    std::memcpy(&count, rest.data(), sizeof count);
    if (count != storage->second.bytes / storage->second.element_size) {
      return bad("storage " + quoted(storage->first) + " has an unexpected size");
    }
    if (!records.emplace(storage->first, rest.subspan(kCountSize, size)).second) {
      return bad("storage " + quoted(storage->first) + " stands twice in the file");
    }
    rest = rest.subspan(kCountSize + size);
  }
  return pth_tensors(pickle, records, file.size(), choice);
}

}  // namespace graphrun::weights
