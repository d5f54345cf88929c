#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace graphrun::tools {

// Progress of a long run: a bar with the remaining time that redraws itself on a terminal, in one line of it
// or two, plain lines elsewhere.
class Progress {
 public:
  // quiet: nothing is shown.
  Progress(std::FILE* stream, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `seconds`: what the last of `done` steps took. Off a terminal a line is printed where `due`.
  void update(std::int64_t done, std::int64_t total, double seconds, const std::string& text, bool due) {
    update(done, total, seconds, text, {}, due);
  }
  // On a terminal `below` stands in the line under the bar's in the place of `text`, where it is not empty.
  void update(std::int64_t done, std::int64_t total, double seconds, const std::string& text,
              const std::string& below, bool due);
  // A line that stays.
  void line(const std::string& text);
  // Takes the bar away.
  void clear();

 private:
  void write(const std::string& text);
  void draw(std::int64_t done, std::int64_t total, const std::string& line, const std::string& below);
  // As much of a line as the terminal has room for. The last column stays empty: some terminals go to the
  // next line after it.
  std::string fitting(const std::string& line) const { return line.substr(0, columns_ - 1); }

  std::FILE* stream_;
  bool quiet_;
  std::size_t columns_;  // of the terminal; 0: none
  bool bar_shown_ = false;
  double mean_seconds_ = 0;
};

// "1:02:03"
std::string duration_text(double seconds);

}  // namespace graphrun::tools
