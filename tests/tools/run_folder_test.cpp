#include "tests/tools/command_folder.h"

// Runs: who writes their folder, what a refused start leaves, and how they move.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kSettings =
    " --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set batch_size=8 --set workers=1 "
    "--set base_lr=0.01 -q ";
const std::string kTrain = " train tiny.fb --dataset shapes --set epochs=2" + kSettings;
const std::string kEndless = " train tiny.fb --dataset shapes --set epochs=100000" + kSettings;

struct Shell : CommandFolder {
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8 -q");
  }
};

// A run that goes on in the background as $pid, once it writes.
std::string started(const std::string& folder) {
  return "$grun_path" + kEndless + "-o " + folder + " & pid=$!\nwhile [ ! -s " + folder +
         "/metrics.jsonl ]; do kill -0 $pid || exit 99; sleep 0.01; done\n";
}

// Waits until the run has gone on by so many iterations.
std::string with_more_steps(const std::string& folder, int steps) {
  const std::string count = "$(wc -l <" + folder + "/metrics.jsonl)";
  return "before=" + count + "\nuntil [ " + count + " -ge $((before + " + std::to_string(steps) +
         ")) ]; do kill -0 $pid || exit 98; sleep 0.01; done\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_is_written_by_one_process) {
  Shell shell;
  shell.fail(started("run") + "grun" + kTrain + "-o run; first=$?\ngrun" + kEndless +
                 "--resume run; second=$?\nkill -TERM $pid; wait $pid; echo $? $first $second",
             0, {"run: process ", " is writing this run"});
  BOOST_TEST(shell.text("out.txt") == "143 1 1\n");
  const std::vector<std::string> steps = shell.steps("run");
  for (std::size_t i = 0; i < steps.size(); ++i)
    BOOST_TEST(steps[i].starts_with("{\"iter\": " + std::to_string(i + 1) + ","), steps[i]);
  BOOST_TEST(!shell.has("run/run.lock"));
  // What a killed process held is free.
  shell.fail(started("killed") + "kill -KILL $pid; wait $pid", 137, {});
  BOOST_TEST(shell.has("killed/run.lock"));
  shell.succeed("grun" + kEndless + "-o killed --resume auto --max-iters 3");
}

BOOST_AUTO_TEST_CASE(a_refused_start_leaves_nothing) {
  Shell shell;
  shell.succeed("grun" + kTrain + "--max-iters 1");
  const std::string latest = fs::read_symlink(shell.path("exp/latest")).string();
  const std::string train = "grun" + kTrain, elsewhere = train + "-o other ";
  for (const std::string wrong : {"--set train_h=9", "--set accumulate=3", "--memory-budget 10kB",
                                  "--set batch_size=100000", "--set evaluate=true --set class_weights=1,2"}) {
    BOOST_TEST_CONTEXT(wrong) {
      BOOST_TEST(shell.run(train + wrong) == 1);
      BOOST_TEST(shell.run(elsewhere + wrong) == 1);
      BOOST_TEST(!shell.has("other"));
      BOOST_TEST(fs::read_symlink(shell.path("exp/latest")).string() == latest);
    }
  }
  const auto runs = std::distance(fs::directory_iterator(shell.path("exp/shapes/spnet_tiny")), {});
  BOOST_TEST(runs == 1);
  shell.succeed("grun eval --no-pictures -q");
}

BOOST_AUTO_TEST_CASE(a_start_that_cannot_be_written_leaves_nothing) {
  Shell shell;
  shell.succeed("grun" + kTrain + "--max-iters 1");
  const std::string latest = fs::read_symlink(shell.path("exp/latest")).string();
  // No file of more than 4 kB: the model is larger.
  const std::string limited = "ulimit -f 8; grun" + kTrain + "--max-iters 1 ";
  shell.fail(limited + "-o new/run", 1, {"new/run/model.fb"});
  BOOST_TEST(!shell.has("new"));
  shell.fail(limited, 1, {"model.fb"});
  BOOST_TEST(std::distance(fs::directory_iterator(shell.path("exp/shapes/spnet_tiny")), {}) == 1);
  BOOST_TEST(fs::read_symlink(shell.path("exp/latest")).string() == latest);
  shell.succeed("mkdir own; echo mine > own/notes.txt");
  shell.fail(limited + "-o own", 1, {"own/model.fb"});
  BOOST_TEST(std::distance(fs::directory_iterator(shell.path("own")), {}) == 1);
  BOOST_TEST(shell.has("own/notes.txt"));
}

BOOST_AUTO_TEST_CASE(two_runs_of_one_second_have_folders_of_their_own) {
  Shell shell;
  shell.succeed("grun" + kTrain + "--max-iters 3 & first=$!\ngrun" + kTrain +
                "--max-iters 3 & second=$!\nwait $first && wait $second");
  int runs = 0;
  for (const auto& entry : fs::directory_iterator(shell.path("exp/shapes/spnet_tiny"))) {
    ++runs;
    BOOST_TEST(shell.steps(fs::relative(entry.path(), shell.path(".")).string()).size() == 3u);
  }
  BOOST_TEST(runs == 2);
}

BOOST_AUTO_TEST_CASE(a_run_is_resumed_by_its_name_alone) {
  Shell shell;
  shell.succeed("grun" + kTrain + "-o whole");
  shell.succeed("grun" + kTrain + "-o part --max-iters 7");
  shell.succeed("rm tiny.fb\ngrun train --resume part --threads 1 -q");
  BOOST_TEST(shell.steps("part") == shell.steps("whole"), boost::test_tools::per_element());
  const std::string config = shell.text("whole/config.json");
  shell.succeed("grun train --resume whole --threads 1");
  BOOST_TEST(shell.text("err.txt").find("whole is finished") != std::string::npos, shell.text("err.txt"));
  BOOST_TEST(shell.text("whole/config.json") == config);
  BOOST_TEST(!shell.has("whole/checkpoints/interrupted.safetensors"));
  shell.fail("grun train --resume nowhere", 1, {"nowhere"});
  shell.fail("grun train", 2, {"MODEL.fb is missing"});
  const std::string train = "grun" + kTrain;
  for (const std::string option : {"--max-iters -1", "--seed -1", "--seed abc", "--memory-budget lots"})
    shell.fail(train + option, 2, {"expected a "});
}

BOOST_AUTO_TEST_CASE(a_stopped_run_says_how_it_goes_on) {
  Shell shell;
  shell.succeed(
      "grun train tiny.fb --dataset shapes --threads 1 --set train_h=33 --set train_w=33 --max-iters 2 -o "
      "run");
  BOOST_TEST(shell.text("err.txt").find("continue with: grun train --resume run") != std::string::npos);
  BOOST_TEST(shell.text("out.txt").find("(drawn)") != std::string::npos, shell.text("out.txt"));
}

BOOST_AUTO_TEST_CASE(signals_of_a_lost_terminal_and_ignored_ones) {
  Shell shell;
  shell.fail(started("hup") + "kill -HUP $pid; kill -HUP $pid; wait $pid", 143, {});
  BOOST_TEST(shell.has("hup/checkpoints"));
  shell.succeed("grun" + kEndless +
                "--resume hup --max-iters 1000 & pid=$!\nkill -TERM $pid; wait $pid; true");
  shell.succeed("trap '' INT\n" + started("ignored") + "kill -INT $pid\n" + with_more_steps("ignored", 5) +
                "kill -TERM $pid; wait $pid; test $? = 143");
}

BOOST_AUTO_TEST_CASE(a_run_is_a_model) {
  Shell shell;
  shell.succeed("grun" + kTrain + "-o run");
  shell.succeed("grun eval run -q");
  BOOST_TEST(shell.has("run/result/epoch_2/val/ss/color"));
  shell.succeed(
      "mkdir photos\ncp run/result/epoch_2/val/ss/color/*0.png photos\ntouch photos/notes.txt\n"
      "grun predict run photos -o labels --threads 1");
  BOOST_TEST(shell.text("err.txt").find("notes.txt") != std::string::npos, shell.text("err.txt"));
  const std::string said = shell.text("out.txt");
  BOOST_TEST(said.find("protocol whole (model)") != std::string::npos, said);
  shell.fail("grun predict run photos -o labels --weights best", 1, {"--weights best", "evaluate=true"});
  shell.fail("grun eval run --weights best", 1, {"--weights best", "evaluate=true"});
  shell.succeed("grun info run -q");
  BOOST_TEST(shell.text("out.txt").find("epoch_2.safetensors: iteration ") != std::string::npos,
             shell.text("out.txt"));
  shell.fail("grun info photos", 1, {"run.json"});
  shell.fail("grun predict run labels -o other", 1, {"labels: no image"});
  // A graph's file stores no protocol: a network of any size sees the whole image, another one crops.
  const std::string predict =
      "grun predict tiny.fb --dataset shapes --weights run/checkpoints/epoch_2.safetensors photos/*0.png -o "
      "raw ";
  shell.succeed(predict);
  BOOST_TEST(shell.text("out.txt").find("protocol whole (takes any size)") != std::string::npos,
             shell.text("out.txt"));
  shell.succeed(predict + "--set test_h=65 --set test_w=65");
  BOOST_TEST(shell.text("out.txt").find("protocol slide (--set), crop 65x65 (--set)") != std::string::npos,
             shell.text("out.txt"));
  shell.fail(predict + "--memory-limit 100kB", 1, {"--protocol slide"});
}

BOOST_AUTO_TEST_CASE(runs_are_compared) {
  Shell shell;
  shell.succeed("grun" + kTrain + "-o first --set evaluate=true");
  shell.succeed("grun" + kTrain + "-o second --set evaluate=true --set base_lr=0.02 --set epochs=1");
  shell.succeed("grun eval first -q --no-pictures; grun eval second -q --no-pictures");
  shell.succeed("grun compare first second");
  const std::string table = shell.text("out.txt");
  for (const char* part : {"first", "second", "base_lr", "0.01", "0.02", "epochs", "mIoU_val, best",
                           "(epoch ", "evaluation val/ss", "epoch_2", "epoch_1", "  mIoU", "iou stripes"})
    BOOST_TEST(table.find(part) != std::string::npos, part << " is not in:\n" << table);
  BOOST_TEST(table.find("train_h") == std::string::npos, "a setting that is the same:\n" << table);
  shell.succeed("grun" + kTrain + "-o third --max-iters 2; grun compare first third first");
  shell.fail("grun compare first", 2, {"runs"});
  shell.fail("grun compare first nowhere", 1, {"nowhere/run.json"});
  shell.succeed("mkdir broken; cp first/run.json broken; echo '[' > broken/config.json");
  shell.fail("grun compare first broken", 1, {"broken/config.json: expected a JSON object"});
}

BOOST_AUTO_TEST_CASE(messages_say_the_way_on) {
  Shell shell;
  shell.succeed("graphc pspnet_tiny -o psp.fb -D width=2");
  BOOST_TEST(shell.text("out.txt").starts_with("psp.fb: pspnet_tiny, "), shell.text("out.txt"));
  const std::string train = "grun train psp.fb --dataset shapes --seed 1 --threads 1 -q -o none ";
  shell.fail(train + "--set train_h=240 --set train_w=240", 1, {"instead of 240: 233 or 241"});
  shell.fail(train + "--set train_h=57 --set train_w=57 --set batch_size=1", 1,
             {"ppm.features", "single value", "batch_size"});
  shell.fail(train + "--set ignore_label=2", 1, {"ignore_label 2 is the class \"square\""});
  shell.fail(train + "-D ignore_label=-1", 2,
             {"-D: setting \"ignore_label\": must be in 0 to 65535, got -1"});
  BOOST_TEST(!shell.has("none"));
  shell.fail("grun train w.json --dataset shapes", 1, {"w.json"});
  shell.succeed("echo '{}' > w.json; cp $GOLDEN/start.safetensors w.safetensors");
  shell.fail("grun train w.json --dataset shapes", 1, {"this is no model; it is JSON: graphc"});
  shell.fail("grun info w.json", 1, {"graphc"});
  shell.fail("grun train w.safetensors --dataset shapes", 1, {"it is a safetensors file", "--weights"});
  shell.fail("graphc pspnet_tyny -o x.fb", 1, {"did you mean \"pspnet_tiny\"?"});
  shell.fail("grun trian psp.fb", 2, {"did you mean \"train\" by \"trian\"?"});
  shell.fail("grun train psp.fb --datset shapes", 2, {"--dataset"});
  shell.fail("grun train psp.fb --dataset camvidd", 1, {"did you mean 'camvid'?"});
}

BOOST_AUTO_TEST_CASE(planned_memory_of_training) {
  Shell shell;
  shell.succeed("grun info tiny.fb --mode train --shape 4,3,65,65 --accumulate 2");
  BOOST_TEST(shell.text("out.txt").find("in 2 parts of 2: memory planned") != std::string::npos,
             shell.text("out.txt"));
  shell.succeed("grun info tiny.fb --mode train --shape 4,3,65,65 --fit 3MB");
  const std::string said = shell.text("out.txt");
  BOOST_TEST((said.find(" fits") != std::string::npos && said.find(" no ") != std::string::npos), said);
  shell.fail("grun info tiny.fb --mode train --shape 4,3,65,65 --accumulate 3", 1, {"3 equal parts"});
  shell.fail("grun info tiny.fb --fit 24GB", 2, {"--mode train"});
}
