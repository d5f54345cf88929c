#include "tools/train/metrics_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime/core/file.h"
#include "tools/train/trainer.h"

namespace graphrun {
namespace {

// The leading lines whose "iter" is at most `done`.
std::string kept_lines(const std::string& text, std::int64_t done) {
  constexpr std::string_view kStart = "{\"iter\": ";
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t newline = text.find('\n', end);
    if (newline == std::string::npos) break;
    const std::string_view line(text.data() + end, newline - end);
    std::int64_t iter = 0;
    if (!line.starts_with(kStart)) break;
    const auto parsed = std::from_chars(line.data() + kStart.size(), line.data() + line.size(), iter);
    if (parsed.ec != std::errc() || iter > done) break;
    end = newline + 1;
  }
  return text.substr(0, end);
}

}  // namespace

Result<std::unique_ptr<MetricsLog>> MetricsLog::open(const std::filesystem::path& path,
                                                     std::int64_t iterations_done) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 32;
  std::string kept;
  if (iterations_done > 0) {
    auto text = read_file(path, kMaxBytes);
    if (text.ok()) kept = kept_lines(*text, iterations_done);
  }
  GRAPHRUN_TRY(write_file(path, kept));
  std::FILE* file = std::fopen(path.c_str(), "a");
  if (file == nullptr) return {ErrorCode::io, path.string() + ": " + std::strerror(errno)};
  return std::unique_ptr<MetricsLog>(new MetricsLog(file));
}

Status MetricsLog::write(const IterationRecord& record) {
  const std::string line = fmt::format(
      "{{\"iter\": {}, \"epoch\": {}, \"loss\": {:.9g}, \"main_loss\": {:.9g}, \"aux_loss\": {:.9g}, \"lr\": "
      "{:.9g}, "
      "\"data_s\": {:.6f}, \"step_s\": {:.6f}}}\n",
      record.iter, record.epoch, record.loss, record.main_loss, record.aux_loss, record.lr, record.data_s,
      record.step_s);
  if (std::fputs(line.c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0) {
    return {ErrorCode::io, std::string("metrics.jsonl: ") + std::strerror(errno)};
  }
  return {};
}

}  // namespace graphrun
