#include "tools/terminal/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/core/printable.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {

std::string duration_text(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

Progress::Progress(std::FILE* stream, bool quiet)
    : stream_(stream), quiet_(quiet), columns_(columns(stream)) {}

Progress::~Progress() { clear(); }

void Progress::write(const std::string& text) {
  std::fflush(stdout);  // both may be one file
  std::fwrite(text.data(), 1, text.size(), stream_);
  std::fflush(stream_);
}

void Progress::clear() {
  if (bar_shown_) write("\r\x1b[J");
  bar_shown_ = false;
}

void Progress::update(std::int64_t done, std::int64_t total, double seconds, const std::string& text,
                      const std::string& below, bool due) {
  if (quiet_) return;
  constexpr double kMemory = 0.95;  // of the moving average
  mean_seconds_ = mean_seconds_ == 0 ? seconds : kMemory * mean_seconds_ + (1 - kMemory) * seconds;
  const std::string left = duration_text(mean_seconds_ * static_cast<double>(total - done));
  // Names of files are others': they move no cursor.
  const std::string shown = core::printable(text);
  if (columns_ > 0) {
    draw(done, total, fmt::format("{}/{} {}left {}", done, total, below.empty() ? shown + " " : "", left),
         core::printable(below));
  } else if (due) {
    write(fmt::format("{}/{} {} left {}\n", done, total, shown, left));
  }
}

void Progress::draw(std::int64_t done, std::int64_t total, const std::string& line,
                    const std::string& below) {
  const std::size_t room = columns_ - 1;
  constexpr std::size_t kWidth = 24;
  constexpr std::size_t kFrame = 3;
  const std::size_t width = line.size() + kFrame < room ? std::min(kWidth, room - line.size() - kFrame) : 0;
  const auto filled = static_cast<std::size_t>(
      total > 0 ? static_cast<std::int64_t>(width) * std::min(done, total) / total : 0);
  constexpr std::size_t kLeast = 4;
  const std::string bar =
      width < kLeast ? "" : "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
  // The cursor stays in the bar's line, from which clear() takes all away.
  const std::string second = below.empty() ? "" : "\n" + fitting(below) + "\r\x1b[A";
  write("\r\x1b[J" + bar + fitting(line) + second);
  bar_shown_ = true;
}

void Progress::line(const std::string& text) {
  if (quiet_) return;
  clear();
  const std::string shown = core::printable(text);
  write((columns_ == 0 ? shown : wrapped(shown, columns_)) + "\n");
}

}  // namespace graphrun::tools
