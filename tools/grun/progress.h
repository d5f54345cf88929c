#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "runtime/session/rematerialisation.h"

namespace graphrun::tools {

// Progress of a long run: a bar with the remaining time that redraws itself on a terminal, plain lines
// elsewhere.
class Progress {
 public:
  // quiet: nothing is shown.
  Progress(std::FILE* stream, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `seconds`: what the last of `done` steps took. Off a terminal a line is printed where `due`.
  void update(std::int64_t done, std::int64_t total, double seconds, const std::string& text, bool due);
  // A line that stays.
  void line(const std::string& text);
  // Takes the bar away.
  void clear();

 private:
  std::FILE* stream_;
  bool quiet_;
  bool terminal_;
  bool bar_shown_ = false;
  double mean_seconds_ = 0;
};

// "2442 MB of memory planned; 12 of 44 recomputations undone"
std::string planned_memory_text(std::int64_t bytes, const session::Rematerialisations& rematerialisations);

// "1:02:03"
std::string duration_text(double seconds);

}  // namespace graphrun::tools
