#include "tests/tools/command_folder.h"

// What a run shows while it goes on: on a terminal lines that redraw themselves, elsewhere plain ones.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kTrain =
    " train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set "
    "batch_size=8 "
    "--set workers=1 --set epochs=1 --set evaluate=true ";

struct Shell : CommandFolder {
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8 -q");
  }
};

// What stood in one line at one moment, without what moves the cursor.
std::vector<std::string> shown_lines(const std::string& screen) {
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at < screen.size(); ++at) {
    if (screen[at] == '\x1b') {
      at = screen.find_first_of("ABCDJK", at);
    } else if (screen[at] == '\r' || screen[at] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += screen[at];
    }
  }
  return lines;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_terminal_sees_a_run_and_keeps_plain_lines) {
  Shell shell;
  shell.succeed("script -qec \"$grun_path" + kTrain + "-o run\" screen.txt >/dev/null");
  const std::string screen = shell.text("screen.txt");
  for (const char* part : {"[####", "/50 left 0:0", "epoch 1  loss ", "  mIoU 0.", " s/image  ",
                           "waits for data", "\x1b[A", "epoch 1/1: main loss"})
    BOOST_TEST((screen.find(part) != std::string::npos), part << " is not in:\n" << screen.substr(0, 2000));
  // The command's first lines are results.
  const std::vector<std::string> lines = shown_lines(screen.substr(screen.find("[")));
  for (const std::string& line : lines) {
    const bool is_live =
        line.find("s/image") != std::string::npos || line.find("left 0:") != std::string::npos;
    BOOST_TEST((!is_live || line.size() < 80), line);
  }
  // What follows the last drawing takes it away.
  BOOST_TEST(screen.rfind("\x1b[J") > screen.rfind("s/image"));
}

BOOST_AUTO_TEST_CASE(a_log_file_gets_plain_lines_alone) {
  Shell shell;
  shell.succeed("grun" + kTrain + "-o run --set print_freq=10 > log.txt 2>&1");
  const std::string log = shell.text("log.txt");
  for (const char* part : {"s/image", "\x1b", "\r", "[##"})
    BOOST_TEST((log.find(part) == std::string::npos), part);
  for (const char* part : {"\n10/50 epoch 1 loss ", "\n50/50 epoch 1 loss ", "epoch 1/1: main loss"})
    BOOST_TEST((log.find(part) != std::string::npos), part << " is not in:\n" << log);
}
