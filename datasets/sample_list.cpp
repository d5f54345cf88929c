#include "datasets/sample_list.h"

#include <algorithm>
#include <climits>
#include <map>
#include <unordered_set>

#include "runtime/core/file.h"
#include "runtime/core/read_budget.h"

namespace graphrun::datasets {

namespace {

constexpr std::int64_t kMaxListBytes = std::int64_t{1} << 30;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Columns between tabs where the line has one (paths may then hold blanks), otherwise between blanks.
std::vector<std::string_view> columns_of(std::string_view line) {
  const char separator = line.find('\t') != std::string_view::npos ? '\t' : ' ';
  std::vector<std::string_view> columns;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(separator), line.size());
    columns.push_back(trim(line.substr(0, end)));
    line = trim(line.substr(end));
  }
  return columns;
}

Status check_length(std::string_view path) {
  if (path.size() < PATH_MAX) return {};
  return {ErrorCode::invalid_file, "a path of more than " + std::to_string(PATH_MAX - 1) + " bytes: '" +
                                       std::string(path.substr(0, 60)) + "...'"};
}

Result<std::string> fill(std::string_view pattern, std::string_view name) {
  std::string path;
  while (true) {
    const std::size_t at = pattern.find("{}");
    path += pattern.substr(0, at);
    if (at != std::string_view::npos) path += name;
    GRAPHRUN_TRY(check_length(path));  // before it grows further
    if (at == std::string_view::npos) return path;
    pattern.remove_prefix(at + 2);
  }
}

// What lines of another number of columns often are.
std::string hint_of(std::string_view line, std::size_t columns, std::size_t expected, bool names) {
  if (line.starts_with('#')) return "; a list has no comments";
  if (columns < expected && line.find_first_of(",;") != std::string_view::npos)
    return "; a blank or a tab separates them";
  if (columns < expected)
    return "; a split without labels has \"labelled\": false, one of names has image_pattern and "
           "label_pattern";
  if (names)
    return "; a list of names has one a line, so a second column, as of VOC's lists of one class, has to go";
  const bool blanks = line.find('\t') == std::string_view::npos;
  return blanks ? "; where paths hold blanks, a tab separates them" : "";
}

Result<SamplePath> parse_line(std::string_view line, const Split& split, const std::filesystem::path& root) {
  const auto columns = columns_of(line);
  const bool names = !split.image_pattern.empty();
  const std::size_t expected = !names && split.labelled ? 2 : 1;
  if (columns.size() != expected) {
    return Status(ErrorCode::invalid_file, std::string("expected ") +
                                               (names           ? "a name"
                                                : expected == 2 ? "an image and a label"
                                                                : "an image alone") +
                                               ", found " + std::to_string(columns.size()) +
                                               (columns.size() == 1 ? " column" : " columns") +
                                               hint_of(line, columns.size(), expected, names));
  }
  for (const std::string_view column : columns) GRAPHRUN_TRY(check_length(column));
  std::string image(columns[0]);
  std::string label(expected == 2 ? columns[1] : "");
  if (names) {
    if (split.labelled) {
      GRAPHRUN_ASSIGN(label, fill(split.label_pattern, image));
    }
    GRAPHRUN_ASSIGN(image, fill(split.image_pattern, columns[0]));
  }
  GRAPHRUN_TRY(check_inside(image));
  if (split.labelled) GRAPHRUN_TRY(check_inside(label));
  return SamplePath{sample_name(image), (root / image).string(),
                    split.labelled ? (root / label).string() : std::string()};
}

// Bytes that a sample takes in memory.
std::int64_t bytes_of(const SamplePath& sample) {
  constexpr std::size_t kInside = 15;  // letters that a string holds itself
  constexpr std::size_t kOfAllocation = 16;
  std::size_t bytes = sizeof sample;
  for (const std::string* text : {&sample.name, &sample.image, &sample.label})
    if (text->size() > kInside) bytes += text->size() + kOfAllocation;
  return static_cast<std::int64_t>(bytes);
}

Status too_many(const std::filesystem::path& where) {
  return {ErrorCode::invalid_file,
          where.string() + ": more than " + std::to_string(kMaxSamples) + " samples"};
}

// "; it has .png (20 files)", the most frequent ending.
std::string endings_text(const std::map<std::string, std::int64_t>& endings) {
  if (endings.empty()) return "";
  const auto most = std::ranges::max_element(endings, {}, [](const auto& entry) { return entry.second; });
  return "; it has " +
         (most->first.empty() ? "files without an ending" : "files that end in " + most->first) + ": " +
         std::to_string(most->second);
}

Result<std::vector<SamplePath>> walk(const Split& split, const std::filesystem::path& root,
                                     const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::string> found;  // relative to the folder
  constexpr std::size_t kMaxEndings = 1000;
  std::map<std::string, std::int64_t> endings;  // of other files, for the error
  auto it = std::filesystem::recursive_directory_iterator(folder, error);
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    const std::string path = it->path().lexically_relative(folder).generic_string();
    std::error_code dangling;  // a link to nothing is no file, and no reason to stop
    const bool is_file = !is_apple_double(path) && it->is_regular_file(dangling);
    if (is_file && path.ends_with(split.image_suffix)) found.push_back(path);
    if (is_file && found.empty() && endings.size() < kMaxEndings) ++endings[it->path().extension().string()];
    if (found.size() > kMaxSamples) return too_many(folder);
  }
  if (error) return Status(ErrorCode::io, folder.string() + ": cannot list: " + error.message());
  std::sort(found.begin(), found.end());
  std::vector<SamplePath> samples;
  for (const std::string& path : found) {
    const std::string stem = path.substr(0, path.size() - split.image_suffix.size());
    samples.push_back(
        {sample_name(path), (folder / path).string(),
         split.labelled ? (root / split.labels / (stem + split.label_suffix)).string() : std::string()});
  }
  if (samples.empty()) {
    return Status(ErrorCode::invalid_file, folder.string() + ": has no file that ends in " +
                                               split.image_suffix + endings_text(endings));
  }
  return samples;
}

}  // namespace

Result<std::vector<SamplePath>> list_samples(const Split& split, const std::filesystem::path& root,
                                             const std::filesystem::path& source) {
  if (split.list.empty()) return walk(split, root, source);
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(source, kMaxListBytes));
  return parse_list(text, source, split, root);
}

Result<std::vector<SamplePath>> parse_list(std::string_view text, const std::filesystem::path& list,
                                           const Split& split, const std::filesystem::path& data_root) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<SamplePath> samples;
  samples.reserve(std::min(kMaxSamples, static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1));
  core::ReadBudget budget("the samples", text.size(), 24, std::int64_t{40} << 20);
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    if (samples.size() == kMaxSamples) return too_many(list);
    auto sample = parse_line(content, split, data_root);
    if (!sample.ok())
      return std::move(sample).status().with_context(list.string() + ":" + std::to_string(line));
    GRAPHRUN_TRY(budget.charge(bytes_of(*sample)).with_context(list.string()));
    samples.push_back(*std::move(sample));
  }
  if (samples.empty()) return Status(ErrorCode::invalid_file, list.string() + ": has no samples");
  return samples;
}

std::string sample_name(const std::filesystem::path& image) { return image.stem().string(); }

bool is_apple_double(const std::filesystem::path& file) { return file.filename().native().starts_with("._"); }

Status check_unique_names(std::span<const std::string> names) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      return {ErrorCode::invalid_file,
              "two images are called '" + name + "': their predictions would overwrite each other"};
    }
  }
  return {};
}

}  // namespace graphrun::datasets
