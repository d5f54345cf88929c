#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "graphrun/status.h"
#include "runtime/core/size_text.h"

// What the programs write to standard output (results) and standard error (messages). Nothing here throws or
// ends the work: a message that cannot be written is lost, a result that cannot be written is an error at the
// end of the program.
namespace graphrun::tools {

// The first call of a program. Standard streams that are closed stay so for whoever writes, but no file that
// is opened later takes their place. A reader that is gone and a file that becomes too large are errors of
// the writing call, not ends of the process.
void prepare_streams();

constexpr std::size_t kColumns = 80;  // of what is printed, where the names in it are short

// The last call: what was printed is written. Error (io): some of it could not be.
Status finish_output();

// Columns of the terminal that the stream is; 0 where it is none.
std::size_t columns(std::FILE* stream);

// The text with its lines broken at blanks, so that none is longer than `width` where that is possible; what
// continues a line is indented like it and by two more, or in a table of two columns, whose second begins at
// `column`, stays in that.
std::string wrapped(std::string_view text, std::size_t width, std::size_t column = 0);

void write_result(std::string_view text);
void write_message(std::string_view text);  // a line, broken on a terminal

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_result(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  write_message(fmt::format(format, std::forward<Args>(args)...));
}

using core::size_text;

}  // namespace graphrun::tools
