#include "tools/grun/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace graphrun::tools {

std::string duration_text(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

Progress::Progress(std::FILE* stream, bool quiet)
    : stream_(stream), quiet_(quiet), terminal_(isatty(fileno(stream)) == 1) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (bar_shown_) fmt::print(stream_, "\r\x1b[K");
  bar_shown_ = false;
}

void Progress::update(std::int64_t done, std::int64_t total, double seconds, const std::string& text,
                      bool due) {
  if (quiet_) return;
  constexpr double kMemory = 0.95;  // of the moving average
  mean_seconds_ = mean_seconds_ == 0 ? seconds : kMemory * mean_seconds_ + (1 - kMemory) * seconds;
  const std::string remaining = duration_text(mean_seconds_ * static_cast<double>(total - done));
  if (!terminal_) {
    if (due) fmt::print(stream_, "{}/{} {} remaining {}\n", done, total, text, remaining);
    return;
  }
  constexpr std::int64_t kWidth = 24;
  const auto filled = static_cast<std::size_t>(total > 0 ? kWidth * done / total : 0);
  fmt::print(stream_, "\r\x1b[K[{}{}] {}/{} {} remaining {}", std::string(filled, '#'),
             std::string(static_cast<std::size_t>(kWidth) - filled, '.'), done, total, text, remaining);
  std::fflush(stream_);
  bar_shown_ = true;
}

void Progress::line(const std::string& text) {
  if (quiet_) return;
  clear();
  fmt::print(stream_, "{}\n", text);
  std::fflush(stream_);
}

std::string planned_memory_text(std::int64_t bytes, const session::Rematerialisations& rematerialisations) {
  return fmt::format("{:.0f} MB of memory planned; {} of {} recomputations undone",
                     static_cast<double>(bytes) / 1e6, rematerialisations.undone, rematerialisations.all);
}

}  // namespace graphrun::tools
