#include "training/run/json_lines.h"

#include <cerrno>
#include <charconv>
#include <system_error>

#include "runtime/core/file.h"
#include "runtime/core/file_descriptor.h"

namespace graphrun::training {
namespace {

std::string kept_lines(const std::string& text, std::string_view key, std::int64_t last) {
  const std::string start = "{\"" + std::string(key) + "\": ";
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t newline = text.find('\n', end);
    if (newline == std::string::npos) break;
    const std::string_view line(text.data() + end, newline - end);
    std::int64_t number = 0;
    if (!line.starts_with(start)) break;
    const auto parsed = std::from_chars(line.data() + start.size(), line.data() + line.size(), number);
    if (parsed.ec != std::errc() || number > last) break;
    end = newline + 1;
  }
  return text.substr(0, end);
}

}  // namespace

Result<std::unique_ptr<JsonLines>> JsonLines::open(const std::filesystem::path& path, std::string_view key,
                                                   std::int64_t last) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 32;
  std::string kept;
  if (last > 0) {
    auto text = core::read_file(path, kMaxBytes);
    if (text.ok()) {
      kept = kept_lines(*text, key, last);
    } else if (text.status().code() != ErrorCode::not_found) {
      return std::move(text).status();  // else the lines of the run so far would be lost
    }
  }
  GRAPHRUN_TRY(core::write_file(path, kept));
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return core::system_error(path.string(), "open", errno);
  return std::unique_ptr<JsonLines>(new JsonLines(file, path.string()));
}

Status JsonLines::write(const std::string& line) {
  if (std::fputs((line + "\n").c_str(), file_.get()) >= 0 && std::fflush(file_.get()) == 0) return {};
  return core::system_error(path_, "write", errno);
}

}  // namespace graphrun::training
