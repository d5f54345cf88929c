#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>

namespace graphrun::tools {

// Where parsing ended with an exception: writes the help or version that was asked for, or what is wrong with
// the command line and the nearest of the names that would be right. The exit status: 0, or 2.
int end_of_parsing(const CLI::App& app, const CLI::ParseError& error);

// Makes a number of bytes of what is given for an option: 1500000, 8GB, 1.5 GB, 512MiB.
CLI::Validator size_in_bytes();

// Adds an option of such a number.
template <class Integer>
CLI::Option* add_bytes(CLI::App& command, const char* name, Integer& bytes, const std::string& doc) {
  return command.add_option(name, bytes, doc)->transform(size_in_bytes())->type_name("BYTES");
}

// A check of an option: a whole number from `least` on.
CLI::Validator whole_number(std::int64_t least);

// Lets the last one count of an option that takes one value and is given several times, in all commands.
void let_last_win(CLI::App& app);

// These options change nothing in this command: they are accepted and not listed.
void hide(CLI::App& command, std::initializer_list<const char*> options);

}  // namespace graphrun::tools
