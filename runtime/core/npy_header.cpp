#include "runtime/core/npy_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "runtime/core/printable.h"

namespace graphrun::core {
namespace {

Status bad(std::string why) { return {ErrorCode::invalid_file, ".npy header: " + std::move(why)}; }

// Text from a file, fit for a message.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 100;
  return "'" + printable(text.substr(0, kShown)) + "'";
}

// Reads the one dictionary that a header is: three known keys with a string, a truth value and a tuple.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Result<NpyHeader> parse() {
    if (!take('{')) return bad("not a dictionary");
    while (!take('}')) {
      GRAPHRUN_ASSIGN(const std::string_view key, string());
      if (!take(':')) return bad("no value for " + quoted(key));
      GRAPHRUN_TRY(value(key));
      if (!take(',') && !peek('}')) return bad("no comma after " + quoted(key));
    }
    skip_space();
    if (!rest_.empty()) return bad("text after the dictionary");
    if (!have_order_ || !have_shape_ || !have_descr_) return bad("no descr, fortran_order or shape");
    return NpyHeader{descr_, shape_, 0};
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
    if (key == "descr" && !have_descr_) return descr();
    if (key == "fortran_order" && !have_order_) return order();
    if (key == "shape" && !have_shape_) return shape();
    return bad("the unknown or repeated key " + quoted(key));
  }

  Status descr() {
    if (!peek('\'') && !peek('"')) return {ErrorCode::unsupported, ".npy of records"};
    GRAPHRUN_ASSIGN(const std::string_view text, string());
    descr_ = text;
    have_descr_ = true;
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
  std::string descr_;
  Shape shape_;
  bool have_descr_ = false;
  bool have_order_ = false;
  bool have_shape_ = false;
};

}  // namespace

Result<NpyHeader> parse_npy_header(std::string_view file) {
  constexpr std::size_t kMaxHeader = 65536;
  if (!file.starts_with(kNpyMagic) || file.size() < kNpyMagic.size() + 2)
    return {ErrorCode::invalid_file, "not a .npy file"};
  const int version = static_cast<unsigned char>(file[kNpyMagic.size()]);
  if (version != 1 && version != 2)
    return {ErrorCode::unsupported, ".npy version " + std::to_string(version)};
  const std::size_t width = version == 1 ? 2 : 4;
  const std::size_t start = kNpyMagic.size() + 2 + width;
  std::size_t length = 0;
  if (file.size() < start) return bad("truncated");
  std::memcpy(&length, file.data() + start - width, width);
  if (length > kMaxHeader || length > file.size() - start) return bad("truncated or too long");
  GRAPHRUN_ASSIGN(NpyHeader header, HeaderParser(file.substr(start, length)).parse());
  header.data_at = start + length;
  return header;
}

}  // namespace graphrun::core
