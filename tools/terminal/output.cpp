#include "tools/terminal/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "runtime/core/printable.h"

namespace graphrun::tools {
namespace {

void write(std::FILE* stream, std::string_view text) { std::fwrite(text.data(), 1, text.size(), stream); }

// Where a line goes on: below the text of a table of two columns, or by two deeper.
std::size_t indent_of(std::string_view line, std::size_t column) {
  constexpr std::size_t kDeeper = 2;
  const std::size_t depth = std::min(line.find_first_not_of(' '), line.size());
  const bool row = column > 0 && depth > 0 && line.size() > column && line[column - 1] == ' ';
  return row ? column : depth + kDeeper;
}

// `line` has no line break.
void add_wrapped(std::string_view line, std::size_t width, std::size_t column, std::string& text) {
  const std::string indent(std::min(indent_of(line, column), width / 2), ' ');
  std::string_view prefix;
  while (prefix.size() + line.size() > width) {
    const std::size_t room = width - prefix.size();
    std::size_t end = line.substr(0, room + 1).rfind(' ');
    const std::size_t first_word = line.find_first_not_of(' ');
    if (end == std::string_view::npos || end <= first_word) end = line.find(' ', first_word);
    if (end == std::string_view::npos) break;
    text.append(prefix).append(line.substr(0, end)).append("\n");
    line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
    prefix = indent;
  }
  text.append(prefix).append(line);
}

}  // namespace

void prepare_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is this one. Opened the wrong way round, so that its use stays an error.
    if (fcntl(stream, F_GETFD) == -1 && errno == EBADF)
      static_cast<void>(open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Status finish_output() {
  const bool flushed = std::fflush(stdout) == 0;
  const int error = errno;
  if (flushed && std::ferror(stdout) == 0) return {};
  const std::string reason =
      flushed ? "" : " (" + std::error_code(error, std::generic_category()).message() + ")";
  return {ErrorCode::io, "standard output could not be written whole" + reason};
}

std::size_t columns(std::FILE* stream) {
  if (isatty(fileno(stream)) != 1) return 0;
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return kColumns;
  return size.ws_col;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t column) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    add_wrapped(text.substr(0, end), width, column, result);
    if (end < text.size()) result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

// What came out of a file moves no cursor.
void write_result(std::string_view text) { write(stdout, core::printable(text)); }

void write_message(std::string_view text) {
  // Both streams may be one file.
  std::fflush(stdout);
  const std::size_t width = columns(stderr);
  const std::string shown = core::printable(text);
  write(stderr, (width == 0 ? shown : wrapped(shown, width)) + "\n");
}

}  // namespace graphrun::tools
