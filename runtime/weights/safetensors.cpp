#include "runtime/weights/safetensors.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/core/guard.h"
#include "runtime/core/json_reader.h"
#include "runtime/core/utf8.h"

namespace graphrun::weights {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr std::string_view kMetadata = "__metadata__";
constexpr std::array<std::pair<std::string_view, DType>, kDTypeCount> kDTypes{{{"F32", DType::f32},
                                                                               {"BF16", DType::bf16},
                                                                               {"F16", DType::f16},
                                                                               {"F64", DType::f64},
                                                                               {"I32", DType::i32},
                                                                               {"I64", DType::i64},
                                                                               {"U8", DType::u8},
                                                                               {"I8", DType::s8}}};

struct Entry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> offsets;
  bool has_shape = false;
};

// Takes exactly {"name": {"dtype": "..", "shape": [..], "data_offsets": [..]}, "__metadata__": {"..": ".."}}.
class HeaderHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, HeaderHandler> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string error;

  bool Default() { return fail("a value of an unexpected type"); }

  bool StartObject() {
    if (place_ == Place::outside) return go(Place::top);
    if (place_ != Place::value_of_top) return fail("an unexpected object");
    if (key_ == kMetadata) return go(Place::metadata);
    entries.push_back({.name = key_, .dtype = {}, .shape = {}, .offsets = {}});
    return go(Place::entry);
  }

  bool Key(const char* text, rapidjson::SizeType length, bool) {
    key_.assign(text, length);
    if (place_ == Place::top) return go(Place::value_of_top);
    if (place_ == Place::metadata) return go(Place::value_of_metadata);
    if (key_ == "dtype" && entries.back().dtype.empty()) return go(Place::dtype);
    if (key_ == "shape" && !entries.back().has_shape) return go(Place::shape);
    if (key_ == "data_offsets" && entries.back().offsets.empty()) return go(Place::offsets);
    return fail("the unknown or repeated key " + quoted(key_));
  }

  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (place_ == Place::dtype) {
      entries.back().dtype.assign(text, length);
      return go(Place::entry);
    }
    if (place_ != Place::value_of_metadata) return fail("an unexpected string");
    if (!metadata.emplace(key_, std::string(text, length)).second) return fail("a repeated metadata key");
    return go(Place::metadata);
  }

  bool StartArray() {
    if (place_ == Place::shape) return go(Place::in_shape);
    if (place_ == Place::offsets) return go(Place::in_offsets);
    return fail("an unexpected array");
  }

  bool Uint64(std::uint64_t value) {
    if (value > INT64_MAX) return fail("a number that is too large");
    std::vector<std::int64_t>* list = nullptr;
    if (place_ == Place::in_shape) list = &entries.back().shape;
    if (place_ == Place::in_offsets) list = &entries.back().offsets;
    if (list == nullptr) return fail("an unexpected number");
    if (list->size() >= (place_ == Place::in_offsets ? 2 : kMaxRank)) return fail("a list that is too long");
    list->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool EndArray(rapidjson::SizeType) {
    if (place_ == Place::in_shape) entries.back().has_shape = true;
    return go(Place::entry);
  }

  bool EndObject(rapidjson::SizeType) {
    if (place_ == Place::top) return go(Place::outside);
    if (place_ == Place::metadata) return go(Place::top);
    const Entry& entry = entries.back();
    if (entry.dtype.empty() || !entry.has_shape || entry.offsets.size() != 2) {
      return fail("no complete dtype, shape and data_offsets");
    }
    return go(Place::top);
  }

 private:
  enum class Place {
    outside,
    top,
    value_of_top,
    metadata,
    value_of_metadata,
    entry,
    dtype,
    shape,
    in_shape,
    offsets,
    in_offsets
  };

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool fail(std::string what) {
    if (place_ != Place::outside && place_ != Place::top) {
      what += " at " + quoted(place_ >= Place::entry ? entries.back().name : key_);
    }
    error = std::move(what);
    return false;
  }

  Place place_ = Place::outside;
  std::string key_;
};

Status parse_header(std::span<const std::byte> header, HeaderHandler& handler) {
  rapidjson::MemoryStream stream(reinterpret_cast<const char*>(header.data()), header.size());
  const rapidjson::ParseResult result = core::read_json_events<core::JsonText::utf8>(stream, handler);
  const bool whole = stream.Tell() == header.size();  // a zero byte would end the stream early
  if (!result.IsError() && whole) return {};
  std::string why = handler.error;
  if (why.empty())
    why = whole || result.IsError() ? rapidjson::GetParseError_En(result.Code()) : "a zero byte";
  return {ErrorCode::invalid_file, "safetensors header, byte " + std::to_string(stream.Tell()) + ": " + why};
}

std::optional<DType> dtype_of(const Entry& entry) {
  const auto dtype = std::ranges::find(kDTypes, entry.dtype, &std::pair<std::string_view, DType>::first);
  return dtype == kDTypes.end() ? std::optional<DType>() : dtype->second;
}

Result<TensorDesc> desc_of(const Entry& entry, DType dtype) {
  GRAPHRUN_ASSIGN(const Shape shape, Shape::make(entry.shape));
  const TensorDesc desc = TensorDesc::dense(dtype, shape);
  if (entry.offsets[0] > entry.offsets[1] || entry.offsets[1] - entry.offsets[0] != desc.bytes()) {
    return {ErrorCode::invalid_file, "bytes " + std::to_string(entry.offsets[0]) + " to " +
                                         std::to_string(entry.offsets[1]) + " are not a " + entry.dtype +
                                         " tensor of shape " + to_string(shape)};
  }
  return desc;
}

Status check_for_write(std::span<const NamedTensor> tensors) {
  std::set<std::string_view> names;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.desc.layout != Layout::dense ||
        static_cast<std::int64_t>(tensor.bytes.size()) != tensor.desc.bytes()) {
      return {ErrorCode::invalid_argument,
              quoted(tensor.name) + " is not dense or has too few or many bytes"};
    }
    if (tensor.name == kMetadata || !names.insert(tensor.name).second) {
      return {ErrorCode::invalid_argument, "the tensor name " + quoted(tensor.name) + " is taken"};
    }
  }
  return {};
}

using HeaderWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// RapidJSON's own check (kWriteValidateEncodingFlag) reads up to two bytes behind a text that ends within a
// character.
bool write_string(HeaderWriter& json, std::string_view text) {
  return core::is_utf8(text) && json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// The header's JSON; empty if a text is not UTF-8.
std::optional<std::string> header_of(std::span<const NamedTensor> tensors,
                                     const std::map<std::string, std::string>& metadata) {
  rapidjson::StringBuffer buffer;
  HeaderWriter json(buffer);
  bool valid = json.StartObject();
  if (!metadata.empty()) {
    valid = valid && write_string(json, kMetadata) && json.StartObject();
    for (const auto& [key, value] : metadata) {
      valid = valid && write_string(json, key) && write_string(json, value);
    }
    json.EndObject();
  }
  std::int64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const auto dtype =
        std::ranges::find(kDTypes, tensor.desc.dtype, &std::pair<std::string_view, DType>::second);
    valid = valid && write_string(json, tensor.name) && json.StartObject() && write_string(json, "dtype") &&
            write_string(json, dtype->first) && write_string(json, "shape") && json.StartArray();
    if (!valid) return std::nullopt;
    for (const std::int64_t extent : tensor.desc.shape.extents()) json.Int64(extent);
    json.EndArray();
    write_string(json, "data_offsets");
    json.StartArray();
    json.Int64(offset);
    offset += tensor.desc.bytes();
    json.Int64(offset);
    json.EndArray();
    json.EndObject();
  }
  if (!valid) return std::nullopt;
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

// The header as it stands in the file, after its length.
Result<std::string> checked_header(std::span<const NamedTensor> tensors,
                                   const std::map<std::string, std::string>& metadata) {
  GRAPHRUN_TRY(check_for_write(tensors));
  std::optional<std::string> header = header_of(tensors, metadata);
  if (!header) return {ErrorCode::invalid_argument, "a name or metadata is not UTF-8"};
  constexpr std::size_t kAlignment = 64;  // of the first tensor
  header->append((kAlignment - (sizeof(std::uint64_t) + header->size()) % kAlignment) % kAlignment, ' ');
  if (header->size() > kMaxHeader) return {ErrorCode::unsupported, "the header exceeds 100 MB"};
  return *std::move(header);
}

Status emit(const std::string& header, std::span<const NamedTensor> tensors, const ByteSink& sink,
            const std::function<void(const NamedTensor&)>& written) {
  const std::uint64_t length = header.size();
  GRAPHRUN_TRY(sink(std::as_bytes(std::span(&length, 1))));
  GRAPHRUN_TRY(sink(std::as_bytes(std::span(header))));
  for (const NamedTensor& tensor : tensors) {
    GRAPHRUN_TRY(sink(tensor.bytes));
    if (written) written(tensor);
  }
  return {};
}

Status check_names(std::span<const Entry> entries) {
  std::set<std::string_view> names;
  for (const Entry& entry : entries) {
    if (!names.insert(entry.name).second)
      return {ErrorCode::invalid_file, "safetensors header: two tensors are named " + quoted(entry.name)};
  }
  return {};
}

// `end`: of the tensors before it.
Status add_entry(const Entry& entry, std::int64_t& end, std::span<const std::byte> data, TensorTable& table) {
  const std::string name = "tensor " + quoted(entry.name);
  const std::optional<DType> dtype = dtype_of(entry);
  TensorDesc desc;
  if (dtype) {
    GRAPHRUN_ASSIGN(desc, desc_of(entry, *dtype).with_context(name));
  }
  if (entry.offsets[0] != end || entry.offsets[1] < end) {
    return {ErrorCode::invalid_file, name + " starts at byte " + std::to_string(entry.offsets[0]) +
                                         " instead of " + std::to_string(end)};
  }
  end = entry.offsets[1];
  if (end > static_cast<std::int64_t>(data.size()))
    return {ErrorCode::invalid_file, name + " ends beyond the file: truncated"};
  if (!dtype) {
    table.add_unusable(entry.name, "of type " + entry.dtype);
    return {};
  }
  const auto start = static_cast<std::size_t>(entry.offsets[0]);
  return table.add(entry.name, desc, data.subspan(start, static_cast<std::size_t>(end) - start));
}

}  // namespace

Result<TensorTable> read_safetensors(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) return {ErrorCode::invalid_file, "too short for a safetensors file"};
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kMaxHeader || length > file.size() - sizeof length) {
    return {ErrorCode::invalid_file,
            "safetensors header of " + std::to_string(length) + " bytes: truncated file or wrong length"};
  }
  HeaderHandler header;
  GRAPHRUN_TRY(parse_header(file.subspan(sizeof length, static_cast<std::size_t>(length)), header));
  const std::span<const std::byte> data = file.subspan(sizeof length + static_cast<std::size_t>(length));

  GRAPHRUN_TRY(check_names(header.entries));
  // Tensors of no elements begin where others do: they keep the order of the file.
  std::ranges::stable_sort(header.entries, {}, &Entry::offsets);
  TensorTable table(file.size());
  table.metadata = std::move(header.metadata);
  std::int64_t end = 0;
  for (const Entry& entry : header.entries) {
    GRAPHRUN_TRY(add_entry(entry, end, data, table));
  }
  if (end != static_cast<std::int64_t>(data.size())) {
    return {ErrorCode::invalid_file, "bytes after the last tensor"};
  }
  return table;
}

Status emit_safetensors(std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata, const ByteSink& sink,
                        const std::function<void(const NamedTensor&)>& written) {
  GRAPHRUN_ASSIGN(const std::string header, checked_header(tensors, metadata));
  return emit(header, tensors, sink, written);
}

Status write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata, core::AtomicFile::Access access,
                         const std::function<void(const NamedTensor&)>& written) try {
  GRAPHRUN_ASSIGN(const std::string header, checked_header(tensors, metadata).with_context(path));
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path, access));
  const auto sink = [&file](std::span<const std::byte> bytes) { return file.write(bytes); };
  GRAPHRUN_TRY(emit(header, tensors, sink, written));
  return file.commit();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::weights
