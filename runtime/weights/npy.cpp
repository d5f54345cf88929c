#include "runtime/weights/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>
#include <string_view>

#include "runtime/core/atomic_file.h"
#include "runtime/core/guard.h"
#include "runtime/core/mapped_file.h"
#include "runtime/core/system_memory.h"
#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 65536;
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

Status bad(std::string why) { return {ErrorCode::invalid_file, ".npy header: " + std::move(why)}; }

// Reads the one dictionary that a header is: three known keys with a string, a truth value and a tuple.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Result<TensorDesc> parse() {
    if (!take('{')) return bad("not a dictionary");
    while (!take('}')) {
      GRAPHRUN_ASSIGN(const std::string_view key, string());
      if (!take(':')) return bad("no value for " + quoted(key));
      GRAPHRUN_TRY(value(key));
      if (!take(',') && !peek('}')) return bad("no comma after " + quoted(key));
    }
    skip_space();
    if (!rest_.empty()) return bad("text after the dictionary");
    if (!have_order_ || !have_shape_ || !have_dtype_) return bad("no descr, fortran_order or shape");
    return TensorDesc::dense(dtype_, shape_);
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool peek(char c) {
    skip_space();
    return rest_.starts_with(c);
  }
  bool take(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  Result<std::string_view> string() {
    const char quote = peek('"') ? '"' : '\'';
    if (!take(quote)) return bad("a string is missing");
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) return bad("a string does not end");
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }

  Status value(std::string_view key) {
    if (key == "descr" && !have_dtype_) return descr();
    if (key == "fortran_order" && !have_order_) return order();
    if (key == "shape" && !have_shape_) return shape();
    return bad("the unknown or repeated key " + quoted(key));
  }

  Status descr() {
    if (!peek('\'') && !peek('"')) return {ErrorCode::unsupported, ".npy of records"};
    GRAPHRUN_ASSIGN(const std::string_view text, string());
    const auto found = std::ranges::find(kDescriptions, text, &Description::text);
    if (found == kDescriptions.end()) {
      return {ErrorCode::unsupported, ".npy with elements of type " + quoted(text) +
                                          "; float32 ('<f4') is meant, f2, f8, i4, i8 and u1 are read"};
    }
    dtype_ = found->dtype;
    have_dtype_ = true;
    return {};
  }

  Status order() {
    if (take("True")) {
      return {ErrorCode::unsupported, ".npy in Fortran order; save numpy.ascontiguousarray of it"};
    }
    if (!take("False")) return bad("fortran_order is neither True nor False");
    have_order_ = true;
    return {};
  }

  Status shape() {
    std::vector<std::int64_t> extents;
    if (!take('(')) return bad("shape is not a tuple");
    while (!take(')')) {
      skip_space();
      std::int64_t extent = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extents.size() == kMaxRank) return bad("a wrong shape");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      extents.push_back(extent);
      if (!take(',') && !peek(')')) return bad("a wrong shape");
    }
    GRAPHRUN_ASSIGN(shape_, Shape::make(extents));
    have_shape_ = true;
    return {};
  }

  std::string_view rest_;
  DType dtype_ = DType::f32;
  Shape shape_;
  bool have_dtype_ = false;
  bool have_order_ = false;
  bool have_shape_ = false;
};

Result<NpyArray> parse_npy(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic) || text.size() < kMagic.size() + 2) {
    return {ErrorCode::invalid_file, "not a .npy file"};
  }
  const int version = text[kMagic.size()];
  if (version != 1 && version != 2)
    return {ErrorCode::unsupported, ".npy version " + std::to_string(version)};
  const std::size_t width = version == 1 ? 2 : 4;
  const std::size_t start = kMagic.size() + 2 + width;
  std::size_t length = 0;
  if (text.size() < start) return bad("truncated");
  std::memcpy(&length, text.data() + start - width, width);
  if (length > kMaxHeader || length > text.size() - start) return bad("truncated or too long");
  GRAPHRUN_ASSIGN(const TensorDesc desc, HeaderParser(text.substr(start, length)).parse());
  const std::span<const std::byte> data = file.subspan(start + length);
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
  const std::size_t unpadded = kMagic.size() + 4 + dict.size() + 1;
  dict.append(kAlignment - unpadded % kAlignment, ' ').append("\n");
  const auto length = static_cast<std::uint16_t>(dict.size());
  std::string header(kMagic);
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
