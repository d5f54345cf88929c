#include "runtime/weights/npy.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "runtime/core/atomic_file.h"
#include "runtime/core/guard.h"
#include "runtime/core/mapped_file.h"
#include "runtime/core/npy_header.h"
#include "runtime/core/system_memory.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr std::size_t kAlignment = 64;

struct Description {
  std::string_view text;
  DType dtype;
};
constexpr std::array<Description, 6> kDescriptions{{{"<f4", DType::f32},
                                                    {"<f8", DType::f64},
                                                    {"<f2", DType::f16},
                                                    {"<i4", DType::i32},
                                                    {"<i8", DType::i64},
                                                    {"|u1", DType::u8}}};

Result<NpyArray> parse_npy(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  GRAPHRUN_ASSIGN(const core::NpyHeader header, core::parse_npy_header(text));
  const auto found = std::ranges::find(kDescriptions, header.descr, &Description::text);
  if (found == kDescriptions.end()) {
    return {ErrorCode::unsupported, ".npy with elements of type " + quoted(header.descr) +
                                        "; float32 ('<f4') is meant, f2, f8, i4, i8 and u1 are read"};
  }
  const TensorDesc desc = TensorDesc::dense(found->dtype, header.shape);
  const std::span<const std::byte> data = file.subspan(header.data_at);
  if (static_cast<std::int64_t>(data.size()) != desc.bytes()) {
    return {ErrorCode::invalid_file, ".npy of shape " + to_string(desc.shape) + " has " +
                                         std::to_string(data.size()) + " bytes of data instead of " +
                                         std::to_string(desc.bytes())};
  }
  GRAPHRUN_TRY(core::check_memory(desc.bytes()));
  return NpyArray{desc, {data.begin(), data.end()}};
}

std::string header_of(std::string_view descr, const Shape& shape) {
  std::string extents;
  for (const std::int64_t extent : shape.extents()) extents += std::to_string(extent) + ", ";
  // Python's way to write a tuple: (), (3,), (3, 4).
  if (!extents.empty()) extents.resize(extents.size() - (shape.rank() == 1 ? 1 : 2));
  std::string dict = "{'descr': '";
  dict.append(descr).append("', 'fortran_order': False, 'shape': (").append(extents).append("), }");
  // NumPy leaves room for the first extent to grow to 21 digits, and pads even where nothing is to be padded.
  if (shape.rank() > 0) dict.append(21 - std::to_string(shape[0]).size(), ' ');
  const std::size_t unpadded = core::kNpyMagic.size() + 4 + dict.size() + 1;
  dict.append(kAlignment - unpadded % kAlignment, ' ').append("\n");
  const auto length = static_cast<std::uint16_t>(dict.size());
  std::string header(core::kNpyMagic);
  header.append({'\x01', '\x00', static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)});
  return header + dict;
}

}  // namespace

Result<NpyArray> read_npy(const std::string& path) try {
  GRAPHRUN_ASSIGN(const std::shared_ptr<const core::MappedFile> file, core::MappedFile::open(path));
  return parse_npy(file->bytes()).with_context(path);
} catch (...) {
  return core::caught();
}

Status write_npy(const std::string& path, const TensorDesc& desc, std::span<const std::byte> bytes) try {
  const auto found = std::ranges::find(kDescriptions, desc.dtype, &Description::dtype);
  if (found == kDescriptions.end()) return {ErrorCode::unsupported, path + ": NumPy has no bf16"};
  if (desc.layout != Layout::dense || static_cast<std::int64_t>(bytes.size()) != desc.bytes()) {
    return {ErrorCode::invalid_argument, path + ": the array is not dense or has too few or many bytes"};
  }
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path));
  GRAPHRUN_TRY(file.write(header_of(found->text, desc.shape)));
  GRAPHRUN_TRY(file.write(bytes));
  return file.commit();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::weights
