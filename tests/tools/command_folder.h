#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "compiler/json.h"
#include "runtime/core/file.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"

namespace graphrun::test {

namespace fs = std::filesystem;

// A folder in which commands run as at a shell.
class CommandFolder {
 public:
  // Exit status of a shell command; `graphc`, `grun` and $GOLDEN are known to it.
  int run(const std::string& command) {
    const std::string bin = GRAPHRUN_BINARY_DIR "/bin/";
    require_ok(core::write_file(path("command.sh"),
                                "set -u\nexport XDG_CACHE_HOME=$PWD/cache GRAPHRUN_HOME=" GRAPHRUN_SOURCE_DIR
                                " OMP_WAIT_POLICY=passive\ngraphc() { " +
                                    bin + "graphc \"$@\"; }\ngrun() { " + bin + "grun \"$@\"; }\ngrun_path=" +
                                    bin + "grun\nGOLDEN=" + kTiny.string() + "\n" + command + "\n"));
    const int status =
        std::system(("cd " + folder_.path().string() + " && sh command.sh >out.txt 2>err.txt").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void succeed(const std::string& command) {
    const int status = run(command);
    BOOST_REQUIRE_MESSAGE(status == 0, command << ": exit status " << status << ": " << text("err.txt"));
  }
  void fail(const std::string& command, int status, const std::vector<std::string>& messages) {
    const int actual = run(command);
    BOOST_TEST(actual == status, command << ": exit status " << actual << ": " << text("err.txt"));
    for (const std::string& message : messages) {
      const bool found = text("err.txt").find(message) != std::string::npos;
      BOOST_TEST(found, command << " does not say \"" << message << "\" but: " << text("err.txt"));
    }
  }

  fs::path path(const std::string& name) const { return folder_ / name; }
  bool has(const std::string& name) const { return fs::exists(path(name)); }
  std::string text(const std::string& name) const { return take(core::read_file(path(name), 1 << 24)); }
  compiler::JsonValue json(const std::string& name) const {
    compiler::Diagnostics diagnostics;
    compiler::JsonBudget budget;
    const auto value = compiler::read_json(path(name), name, budget, diagnostics);
    BOOST_REQUIRE_MESSAGE(value, diagnostics.text());
    return *value;
  }
  // Iteration, losses and rate of each line of metrics.jsonl, as printed.
  std::vector<std::string> steps(const std::string& run_folder) const {
    std::istringstream stream(text(run_folder + "/metrics.jsonl"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);)
      lines.push_back(line.substr(0, line.find(", \"data_s\"")));
    return lines;
  }
  void truncate(const std::string& from, const std::string& to) const {
    const std::string whole = take(core::read_file(from, 1 << 24));
    require_ok(core::write_file(path(to), std::string_view(whole).substr(0, whole.size() / 2)));
  }

 private:
  Scratch folder_;
};

}  // namespace graphrun::test
