#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "runtime/core/checked.h"
#include "runtime/weights/pth.h"

namespace graphrun::weights {
namespace {

struct StorageType {
  std::string_view name;
  std::int64_t element_size;
  std::optional<DType> dtype;
};
constexpr std::array<StorageType, 12> kStorageTypes{{{"FloatStorage", 4, DType::f32},
                                                     {"DoubleStorage", 8, DType::f64},
                                                     {"HalfStorage", 2, DType::f16},
                                                     {"BFloat16Storage", 2, DType::bf16},
                                                     {"LongStorage", 8, DType::i64},
                                                     {"IntStorage", 4, DType::i32},
                                                     {"ByteStorage", 1, DType::u8},
                                                     {"ShortStorage", 2, {}},
                                                     {"CharStorage", 1, {}},
                                                     {"BoolStorage", 1, {}},
                                                     {"ComplexFloatStorage", 8, {}},
                                                     {"ComplexDoubleStorage", 16, {}}}};

using Strides = std::array<std::int64_t, kMaxRank>;

Status bad(std::string why) { return {ErrorCode::invalid_file, std::move(why)}; }

Result<std::vector<std::int64_t>> integers(const Pickle& pickle, const PickleObject& tuple) {
  std::vector<std::int64_t> values;
  if (tuple.items.size() > kMaxRank) return {ErrorCode::unsupported, "more than six dimensions"};
  for (const PickleId id : tuple.items) {
    if (pickle[id].kind != PickleKind::integer) return bad("a size or stride that is not an integer");
    values.push_back(pickle[id].integer);
  }
  return values;
}

// The last element of a view in its storage; nothing on overflow or a negative number.
std::optional<std::int64_t> last_element(std::int64_t offset, const Shape& shape, const Strides& strides) {
  if (offset < 0) return std::nullopt;
  std::optional<std::int64_t> last = offset;
  for (int axis = 0; axis < shape.rank() && last; ++axis) {
    const std::int64_t stride = strides[static_cast<std::size_t>(axis)];
    const std::optional<std::int64_t> reach = core::checked_mul(shape[axis] - 1, stride);
    if (stride < 0 || !reach) return std::nullopt;
    last = core::checked_add(*last, *reach);
  }
  return last;
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  std::int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides[static_cast<std::size_t>(axis)] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

void copy_strided(const std::byte* source, const Shape& shape, const Strides& strides,
                  std::size_t element_size, std::span<std::byte> target) {
  Strides index{};
  std::int64_t element = 0;
  for (std::size_t at = 0; at < target.size(); at += element_size) {
    std::memcpy(target.data() + at, source + static_cast<std::size_t>(element) * element_size, element_size);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      element += strides[a];
      if (++index[a] < shape[axis]) break;
      element -= index[a] * strides[a];
      index[a] = 0;
    }
  }
}

Status add_tensor(const Pickle& pickle, const PickleObject& tensor, std::string_view name,
                  const PthRecords& records, TensorTable& table) {
  GRAPHRUN_ASSIGN(const PthStorage storage, pth_storage(pickle, pickle[tensor.items[0]]));
  const auto type = std::ranges::find(kStorageTypes, storage.type, &StorageType::name);
  if (!type->dtype) return {ErrorCode::unsupported, "elements of a " + std::string(storage.type)};
  const auto record = records.find(storage.key);
  if (record == records.end()) return bad("its storage " + quoted(storage.key) + " is not in the file");
  if (static_cast<std::int64_t>(record->second.size()) != storage.bytes) {
    return bad("its storage has " + std::to_string(record->second.size()) + " bytes instead of " +
               std::to_string(storage.bytes));
  }

  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> sizes, integers(pickle, pickle[tensor.items[2]]));
  GRAPHRUN_ASSIGN(const std::vector<std::int64_t> steps, integers(pickle, pickle[tensor.items[3]]));
  if (sizes.size() != steps.size()) return bad("sizes and strides differ in number");
  GRAPHRUN_ASSIGN(const Shape shape, Shape::make(sizes));
  Strides strides{};
  std::ranges::copy(steps, strides.begin());
  const TensorDesc desc = TensorDesc::dense(*type->dtype, shape);
  if (shape.count() == 0) return table.add(name, desc, {});

  const std::int64_t offset = pickle[tensor.items[1]].integer;
  const std::optional<std::int64_t> last = last_element(offset, shape, strides);
  if (!last || *last >= storage.count)
    return bad("shape " + to_string(shape) + " reaches beyond its storage");
  const auto start = static_cast<std::size_t>((storage.first + offset) * storage.element_size);
  const std::span<const std::byte> source = record->second.subspan(start);
  if (is_contiguous(shape, strides)) {
    return table.add(name, desc, source.first(static_cast<std::size_t>(desc.bytes())));
  }
  GRAPHRUN_ASSIGN(const std::span<std::byte> copy, table.allocate(desc.bytes()));
  copy_strided(source.data(), shape, strides, size_of(desc.dtype), copy);
  return table.add(name, desc, copy);
}

std::string keys_of(const Pickle& pickle, const PickleObject& dict) {
  constexpr std::size_t kShown = 8;
  std::string keys;
  for (std::size_t i = 0; i < dict.items.size() && i < 2 * kShown; i += 2) {
    if (!keys.empty()) keys += ", ";
    keys += quoted(pickle[dict.items[i]].text);
  }
  return keys;
}

}  // namespace

Result<PthStorage> pth_storage(const Pickle& pickle, const PickleObject& object) {
  PthStorage storage;
  storage.type = pickle[object.items[1]].text;
  storage.key = pickle[object.items[2]].text;
  storage.count = pickle[object.items[4]].integer;
  const auto type = std::ranges::find(kStorageTypes, storage.type, &StorageType::name);
  if (type == kStorageTypes.end()) return {ErrorCode::unsupported, "elements of a " + quoted(storage.type)};
  storage.element_size = type->element_size;
  const std::optional<std::int64_t> bytes = core::checked_mul(storage.count, storage.element_size);
  if (!bytes || *bytes < 0 || *bytes > kMaxTensorBytes) return bad("a storage of an impossible size");
  storage.bytes = *bytes;
  if (object.items.size() < 6 || pickle[object.items[5]].kind != PickleKind::tuple) return storage;

  // A part of another storage: (its own key, first element, number of elements).
  const std::vector<PickleId>& view = pickle[object.items[5]].items;
  if (view.size() != 3 || pickle[view[1]].kind != PickleKind::integer ||
      pickle[view[2]].kind != PickleKind::integer) {
    return bad("a storage's view that is not (key, offset, size)");
  }
  const std::int64_t first = pickle[view[1]].integer;
  const std::int64_t count = pickle[view[2]].integer;
  const std::optional<std::int64_t> end = core::checked_add(first, count);
  if (first < 0 || count < 0 || !end || *end > storage.count)
    return bad("a storage's view reaches beyond it");
  storage.first = first;
  storage.count = count;
  return storage;
}

Result<TensorTable> pth_tensors(const Pickle& pickle, const PthRecords& records, std::size_t file_size) {
  const PickleObject* dict = &pickle[pickle.root];
  if (dict->kind != PickleKind::dict) return bad("the checkpoint is not a dictionary of tensors");
  // A file can make a dictionary contain itself.
  constexpr int kMaxDepth = 4;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const PickleObject* inner = nullptr;
    for (const std::string_view key : {"state_dict", "model"}) {
      if (inner == nullptr || inner->kind != PickleKind::dict) inner = pickle.find(*dict, key);
    }
    if (inner == nullptr || inner->kind != PickleKind::dict) break;
    dict = inner;
  }
  TensorTable table(file_size);
  for (std::size_t i = 0; i < dict->items.size(); i += 2) {
    const PickleObject& key = pickle[dict->items[i]];
    const PickleObject& value = pickle[dict->items[i + 1]];
    if (key.kind != PickleKind::text || value.kind != PickleKind::tensor) continue;
    GRAPHRUN_TRY(
        add_tensor(pickle, value, key.text, records, table).with_context("tensor " + quoted(key.text)));
  }
  if (!table.tensors.empty()) return table;
  return bad("no tensors in the checkpoint; its entries are " + keys_of(pickle, *dict));
}

}  // namespace graphrun::weights
