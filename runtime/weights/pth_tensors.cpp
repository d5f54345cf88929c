#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "runtime/core/checked.h"
#include "runtime/weights/pth.h"
#include "runtime/weights/pth_nests.h"

namespace graphrun::weights {
namespace {

struct StorageType {
  std::string_view name;
  std::int64_t element_size;
  std::optional<DType> dtype;
  std::string_view elements;
};
constexpr std::array<StorageType, 20> kStorageTypes{{{"FloatStorage", 4, DType::f32, "f32"},
                                                     {"DoubleStorage", 8, DType::f64, "f64"},
                                                     {"HalfStorage", 2, DType::f16, "f16"},
                                                     {"BFloat16Storage", 2, DType::bf16, "bf16"},
                                                     {"LongStorage", 8, DType::i64, "i64"},
                                                     {"IntStorage", 4, DType::i32, "i32"},
                                                     {"ByteStorage", 1, DType::u8, "u8"},
                                                     {"ShortStorage", 2, {}, "i16"},
                                                     {"CharStorage", 1, {}, "i8"},
                                                     {"BoolStorage", 1, {}, "bool"},
                                                     {"ComplexFloatStorage", 8, {}, "complex"},
                                                     {"ComplexDoubleStorage", 16, {}, "complex"},
                                                     {"ComplexHalfStorage", 4, {}, "complex"},
                                                     {"QInt8Storage", 1, {}, "quantised"},
                                                     {"QUInt8Storage", 1, {}, "quantised"},
                                                     {"QInt32Storage", 4, {}, "quantised"},
                                                     {"QUInt4x2Storage", 1, {}, "quantised"},
                                                     {"QUInt2x4Storage", 1, {}, "quantised"},
                                                     {"UntypedStorage", 1, {}, "without a type"},
                                                     {"_UntypedStorage", 1, {}, "without a type"}}};

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
  if (!storage.dtype) {
    table.add_unusable(name, storage.elements);
    return {};
  }
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
  const TensorDesc desc = TensorDesc::dense(*storage.dtype, shape);
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

}  // namespace

Result<PthStorage> pth_storage(const Pickle& pickle, const PickleObject& object) {
  PthStorage storage;
  storage.type = pickle[object.items[1]].text;
  storage.key = pickle[object.items[2]].text;
  storage.count = pickle[object.items[4]].integer;
  const auto type = std::ranges::find(kStorageTypes, storage.type, &StorageType::name);
  if (type == kStorageTypes.end()) return {ErrorCode::unsupported, "elements of a " + quoted(storage.type)};
  storage.element_size = type->element_size;
  storage.dtype = type->dtype;
  storage.elements = type->elements;
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

Result<TensorTable> pth_tensors(const Pickle& pickle, const PthRecords& records, std::size_t file_size,
                                const TensorChoice& choice) {
  const std::vector<TensorNest> nests = pth_nests(pickle);
  if (nests.empty()) return {ErrorCode::unsupported, describe_without_tensors(pickle)};
  GRAPHRUN_ASSIGN(const ChosenTensors chosen, choose_tensors(nests, choice));
  TensorTable table(file_size);
  table.note = chosen.note;
  for (const TensorNest& nest : nests) table.keys.push_back({nest.keys[0], nest.names.size()});
  const TensorNest& nest = nests[chosen.nest];
  for (std::size_t i = 0; i < nest.names.size(); ++i) {
    const std::optional<std::string> name = chosen_name(nest.names[i], chosen, choice);
    if (!name) continue;
    const PickleObject& tensor = pickle[nest.tensors[i]];
    if (tensor.kind == PickleKind::other_tensor) {
      table.add_unusable(*name, tensor.text);
      continue;
    }
    GRAPHRUN_TRY(
        add_tensor(pickle, tensor, *name, records, table).with_context("tensor " + quoted(nest.names[i])));
  }
  return table;
}

}  // namespace graphrun::weights
