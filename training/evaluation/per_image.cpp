#include "training/evaluation/per_image.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/imaging/image.h"
#include "training/evaluation/calibration.h"

namespace graphrun::training {
namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
constexpr std::string_view kIntersection = "intersection_";
constexpr std::string_view kUnion = "union_";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

void add_header(const ImageCounts& counts, std::string& csv) {
  csv += "name,pixels,correct,mIoU,aAcc,confidence";
  for (const std::string_view prefix : {std::string_view(), std::string_view("boundary_")}) {
    if (!prefix.empty() && !counts.has_boundaries()) continue;
    for (int c = 0; c < counts.classes(); ++c)
      csv += fmt::format(",{}{}{},{}{}{}", prefix, kIntersection, c, prefix, kUnion, c);
  }
  csv += "\n";
}

void add_pairs(std::span<const std::int64_t> first, std::span<const std::int64_t> second, std::string& csv) {
  for (std::size_t c = 0; c < first.size(); ++c) csv += fmt::format(",{},{}", first[c], second[c]);
}

// The fields of a line, which ends at `at` afterwards; nothing where quotes do not fit.
std::optional<std::vector<std::string>> next_line(std::string_view text, std::size_t& at) {
  std::vector<std::string> fields(1);
  bool in_quotes = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_quotes) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += text[++at];
      } else {
        in_quotes = false;
      }
    } else if (c == '"' && fields.back().empty()) {
      in_quotes = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      return fields;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  if (in_quotes) return std::nullopt;
  return fields;
}

// Where the classes' counts stand.
struct Columns {
  std::size_t count = 0;
  std::optional<std::size_t> confidence;
  std::vector<std::size_t> intersections;
  std::vector<std::size_t> unions;
};

// Empty where it is not the header of such a file.
std::optional<Columns> columns_of(const std::vector<std::string>& header) {
  Columns columns{header.size(), {}, {}, {}};
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == "confidence") columns.confidence = i;
    for (const auto& [prefix, found] :
         {std::pair(kIntersection, &columns.intersections), std::pair(kUnion, &columns.unions)}) {
      if (header[i] == fmt::format("{}{}", prefix, found->size())) found->push_back(i);
    }
  }
  const std::size_t classes = columns.unions.size();
  const bool fits = header.front() == "name" && classes > 0 && classes == columns.intersections.size() &&
                    classes <= static_cast<std::size_t>(imaging::kMaxClasses);
  return fits ? std::optional(columns) : std::nullopt;
}

bool read_counts(const std::vector<std::string>& fields, const std::vector<std::size_t>& columns,
                 std::vector<std::int64_t>& counts) {
  for (const std::size_t column : columns) {
    const std::string& field = fields[column];
    std::int64_t count = 0;
    const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), count);
    const bool fits = error == std::errc() && stop == field.data() + field.size() && count >= 0 &&
                      count <= imaging::kMaxPixels;
    if (!fits) return false;
    counts.push_back(count);
  }
  return true;
}

double read_confidence(const std::vector<std::string>& fields, const std::optional<std::size_t>& column) {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (!column) return value;
  const std::string& field = fields[*column];
  std::from_chars(field.data(), field.data() + field.size(), value);
  return value;
}

Status wrong(const std::filesystem::path& path, std::size_t line, const std::string& what) {
  return {ErrorCode::invalid_file, fmt::format("{}:{}: {}", path.string(), line, what)};
}

}  // namespace

std::string per_image_csv(std::span<const std::string> names, const ImageCounts& counts) {
  std::string csv;
  add_header(counts, csv);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto row = counts.row(static_cast<std::int64_t>(i));
    csv += fmt::format("{},{},{},{},{},", quoted(names[i]), row.pixels, row.correct,
                       mean_iou_present(row.intersections, row.unions), iou_of(row.correct, row.pixels));
    if (row.confidence > 0)
      csv += fmt::format(
          "{}", static_cast<double>(row.confidence) * Calibration::kUnit / static_cast<double>(row.pixels));
    add_pairs(row.intersections, row.unions, csv);
    add_pairs(row.boundary_intersections, row.boundary_unions, csv);
    csv += "\n";
  }
  return csv;
}

Result<ImageNamesAndCounts> read_per_image(const std::filesystem::path& path) try {
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(path, kMaxBytes));
  std::size_t at = 0;
  const auto header = next_line(text, at);
  const std::optional<Columns> columns = header ? columns_of(*header) : std::nullopt;
  if (!columns) return wrong(path, 1, "expected the header of a per_image.csv");
  ImageNamesAndCounts result;
  std::vector<std::int64_t> intersections, unions;
  for (std::size_t line = 2; at < text.size(); ++line) {
    auto fields = next_line(text, at);
    if (!fields || fields->size() != columns->count)
      return wrong(path, line, fmt::format("expected {} fields", columns->count));
    if (!read_counts(*fields, columns->intersections, intersections) ||
        !read_counts(*fields, columns->unions, unions))
      return wrong(path, line, "expected counts of pixels");
    result.confidences.push_back(read_confidence(*fields, columns->confidence));
    result.names.push_back(std::move(fields->front()));
  }
  const std::size_t classes = columns->unions.size();
  result.counts = ImageCounts(std::ssize(result.names), static_cast<int>(classes), false);
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    const auto row = result.counts.row(static_cast<std::int64_t>(i));
    std::copy_n(intersections.begin() + static_cast<std::ptrdiff_t>(i * classes), classes,
                row.intersections.begin());
    std::copy_n(unions.begin() + static_cast<std::ptrdiff_t>(i * classes), classes, row.unions.begin());
  }
  return result;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
