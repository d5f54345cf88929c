#include "runtime/collective/host_name.h"
#include "runtime/collective/mpi.h"
#include "tests/tools/command_folder.h"

// grun on several ranks of this host, started by mpirun or by --ranks; ranks that fail, are killed, or hang.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Launcher {
  Launcher() {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    const bool has_mpi = !collective::mpi_version().empty();
    if (has_mpi && std::system("command -v mpirun >/dev/null") == 0) return;
    std::puts(has_mpi ? "skipped: there is no mpirun" : "skipped: this build has no MPI");
    std::exit(77);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(Launcher);

// More images than an evaluation is ever left alone with.
const std::string kMany = R"({"name": "many", "classes": [
    {"name": "ground", "color": [0, 0, 0]}, {"name": "disc", "color": [220, 60, 50]},
    {"name": "square", "color": [60, 90, 220]}, {"name": "triangle", "color": [60, 170, 75]},
    {"name": "ring", "color": [230, 190, 50]}, {"name": "cross", "color": [165, 70, 175]},
    {"name": "stripes", "color": [60, 195, 205]}],
  "labels": {"identity": 7, "ignore": [255]}, "generator": {"name": "shapes", "height": 97, "width": 97},
  "splits": {"val": {"count": 100000, "seed": 2}}})";

struct Run : CommandFolder {
  Run() {
    require_ok(core::write_file(path("many.json"), kMany));
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8");
    succeed(
        "grun train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 "
        "--set batch_size=40 --set workers=1 --max-iters 2 -o run -q");
  }
  std::string all_of(const std::string& folder) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path(folder))) {
      if (!entry.is_regular_file()) continue;
      const std::string name = fs::relative(entry.path(), path(folder)).string();
      files.push_back(name + "\n" + text(folder + "/" + name));
    }
    std::ranges::sort(files);
    std::string whole;
    for (const std::string& file : files) whole += file;
    return whole;
  }
};

const std::string kEval = "grun eval --run run --set test_h=33 --set test_w=33 --threads 1 ";

// In a shell: starts ranks that have long to do, waits until `ready`, does `act` with $first, the first
// process, and $ranks, those of the ranks in the order of their numbers; then waits and gives the status; 99
// where ranks are left 10 s later.
std::string disturbed(const std::string& start, const std::string& ready, const std::string& act) {
  return start +
         " & first=$!\n"
         "until " +
         ready +
         "; do kill -0 $first || exit 98; sleep 0.01; done\n"
         "below() { for p in $(cat /proc/$1/task/*/children 2>/dev/null); do echo $p; below $p; done; }\n"
         "ranks=$(for p in $(below $first); do\n"
         "  rank=$(tr '\\0' '\\n' </proc/$p/environ | sed -n 's/^OMPI_COMM_WORLD_RANK=//p')\n"
         "  if [ -n \"$rank\" ]; then echo $rank $p; fi; done |\n"
         "  sort -n | cut -d' ' -f2)\n" +
         act +
         "\nwait $first; status=$?\n"
         "left() { for p in $ranks; do grep '^State:' /proc/$p/status 2>/dev/null | grep -v zombie; done; }\n"
         "for i in $(seq 100); do if [ -z \"$(left)\" ]; then exit $status; fi; sleep 0.1; done\n"
         "echo \"left: $(left)\" >&2; exit 99";
}

std::string evaluation(const std::string& settings, const std::string& act) {
  return disturbed(
      "rm -rf out; $grun_path eval --run run --dataset many.json --set test_h=33 --set test_w=33 --ms -q -o "
      "out --ranks 3 " +
          settings,
      "[ -n \"$(ls out/gray 2>/dev/null)\" ]", act);
}

// 5 iterations an epoch, without end.
const std::string kTrain =
    " train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set "
    "batch_size=80 --set evaluate=true "
    "--set epochs=100000 --set workers=1 --set base_lr=0.01 -q ";

std::string training(const std::string& folder, int lines, const std::string& act) {
  return disturbed(
      "$grun_path" + kTrain + "-o " + folder + " --set rank_timeout=5 --ranks 2",
      "[ \"$(cat " + folder + "/metrics.jsonl 2>/dev/null | wc -l)\" -ge " + std::to_string(lines) + " ]",
      act);
}

// What a run saves when it is told to stop, but at the end of an epoch, which it saves anyway.
void check_saved(const CommandFolder& shell, const std::string& run) {
  const bool at_end_of_epoch = shell.steps(run).size() % 5 == 0;
  BOOST_TEST((at_end_of_epoch || shell.has(run + "/checkpoints/interrupted.safetensors")), run);
}

const std::string kSecond = "$(echo $ranks | cut -d' ' -f2)";

}  // namespace

BOOST_AUTO_TEST_CASE(an_evaluation_does_not_depend_on_the_number_of_ranks) {
  Run shell;
  const std::string some = kEval + "--set index_step=20 ";
  shell.succeed(some + "-o one");
  shell.succeed(some + "-o two --ranks 2");
  shell.succeed("mpirun -n 3 --oversubscribe --bind-to none " GRAPHRUN_BINARY_DIR "/bin/" + some +
                "-o three");
  const std::string one = shell.all_of("one");
  BOOST_TEST((shell.all_of("two") == one));
  BOOST_TEST((shell.all_of("three") == one));
  const std::string said = shell.text("out.txt");
  BOOST_TEST(said.find("20 images: mIoU") == said.rfind("20 images: mIoU"), said);

  BOOST_TEST_CONTEXT("more ranks than images") {
    shell.succeed(kEval + "--set index_start=3 --set index_step=2 -o few");
    shell.succeed(kEval + "--set index_start=3 --set index_step=2 -o fewer --ranks 3");
    BOOST_TEST((shell.all_of("few") == shell.all_of("fewer")));
  }
  BOOST_TEST_CONTEXT("images without labels") {
    const std::string predict =
        "grun predict run/model.fb --weights run/checkpoints/*.safetensors --protocol whole --threads 1 ";
    shell.succeed(predict + "-o p1 few/overlay/* one/overlay/*1.png");
    shell.succeed(predict + "-o p2 few/overlay/* one/overlay/*1.png --ranks 2");
    BOOST_TEST((shell.all_of("p1") == shell.all_of("p2")));
  }
}

BOOST_AUTO_TEST_CASE(an_error_of_ranks_ends_them_and_is_said_once) {
  Run shell;
  shell.fail(kEval + "--ranks 2 --weights nowhere.pth", 1,
             {"grun: error: rank 0 on " + collective::host_name() + ": nowhere.pth"});
  BOOST_TEST(shell.text("err.txt").find("rank 1") == std::string::npos, shell.text("err.txt"));
  shell.fail(kEval + "--ranks=2 --set base=1", 2, {"base"});
  shell.fail("mpirun -n 2 --oversubscribe " GRAPHRUN_BINARY_DIR "/bin/" + kEval + "--ranks 2", 2,
             {"--ranks: "});
  shell.fail("PATH=/nowhere; " + kEval + "--ranks 2", 1, {"mpirun"});

  // The second rank has the second image.
  shell.succeed(kEval + "--set index_step=4 -o out");
  shell.succeed("cd out/overlay; set -- *; head -c 200 $2 >half; mv half $2");
  require_ok(core::write_file(shell.path("own.json"),
                              R"({"name": "own", "classes": [{"name": "a", "color": [1, 0, 0]},
    {"name": "b", "color": [2, 0, 0]}, {"name": "c", "color": [3, 0, 0]}, {"name": "d", "color": [4, 0, 0]},
    {"name": "e", "color": [5, 0, 0]}, {"name": "f", "color": [6, 0, 0]}, {"name": "g", "color": [7, 0, 0]}],
    "labels": {"offset": -1, "ignore": [0]},
    "splits": {"val": {"images": "out/overlay", "image_suffix": ".png", "labelled": false}}})"));
  shell.fail(kEval + "--dataset own.json --data-root . -o own --ranks 3", 1,
             {"grun: error: rank 1 on " + collective::host_name() + ": ", "out/overlay/"});
}

BOOST_AUTO_TEST_CASE(ranks_go_together) {
  Run shell;
  BOOST_TEST_CONTEXT("killed") {
    shell.fail(evaluation("", "kill -9 " + kSecond), 1,
               {"grun: error: rank 1 on " + collective::host_name() + " was ended by signal 9"});
  }
  BOOST_TEST_CONTEXT("hung") {
    shell.fail(evaluation("--set rank_timeout=5", "kill -STOP " + kSecond), 1,
               {"no answer from rank 1 on " + collective::host_name()});
  }
  BOOST_TEST_CONTEXT("terminated") {
    shell.fail(evaluation("", "kill $first"), 143, {});
    BOOST_TEST(shell.text("err.txt") == "");
  }
  BOOST_TEST_CONTEXT("first process killed") { shell.fail(evaluation("", "kill -9 $first"), 137, {}); }
}

BOOST_AUTO_TEST_CASE(training_goes_on_after_a_fault) {
  Run shell;
  BOOST_TEST_CONTEXT("killed") {
    shell.fail(training("killed", 7, "kill -9 " + kSecond), 1,
               {"rank 1 on " + collective::host_name() + " was ended by signal 9"});
  }
  BOOST_TEST_CONTEXT("hung") {
    shell.fail(training("hung", 7, "kill -STOP " + kSecond), 1,
               {"no answer from rank 1 on " + collective::host_name()});
  }
  BOOST_TEST_CONTEXT("terminated") {
    shell.fail(training("terminated", 3, "kill $first"), 143, {});
    BOOST_TEST(shell.text("err.txt") == "");
    check_saved(shell, "terminated");
  }
  BOOST_TEST_CONTEXT("one rank terminated") {
    shell.fail(training("one", 3, "kill " + kSecond), 143, {});
    check_saved(shell, "one");
  }
  BOOST_TEST_CONTEXT("interrupted") { shell.fail(training("interrupted", 3, "kill -INT $first"), 130, {}); }

  const std::string runs[] = {"killed", "hung", "terminated"};
  std::size_t most = 0;
  for (const std::string& run : runs) most = std::max(most, shell.steps(run).size());
  // To the end of an epoch that none of them has begun.
  const std::string train =
      "grun" + kTrain + "--ranks 2 --max-iters " + std::to_string((most / 5 + 2) * 5) + " -o ";
  shell.succeed(train + "whole");
  for (const std::string& run : runs) {
    BOOST_TEST_CONTEXT(run) {
      shell.succeed(train + run + " --resume auto");
      BOOST_TEST(shell.steps(run) == shell.steps("whole"), boost::test_tools::per_element());
      BOOST_TEST(shell.text(run + "/epochs.jsonl") == shell.text("whole/epochs.jsonl"));
    }
  }
}

BOOST_AUTO_TEST_CASE(averages_and_clipping_are_those_of_one_rank) {
  Run shell;
  const std::string train =
      "grun" + kTrain + "--set ema=0.5 --set clip_norm=0.5 --set base_lr=0.001 --max-iters ";
  shell.succeed(train + "5 -o alone");
  shell.succeed(train + "5 -o two --ranks 2");
  shell.succeed(train + "5 -o sharded --ranks 2 --set shard_optimizer=true");
  const std::string checkpoint = "/checkpoints/epoch_1.safetensors";
  const auto alone = open_tensors(shell.path("alone" + checkpoint));
  for (const std::string run : {"two", "sharded"}) {
    const auto other = open_tensors(shell.path(run + checkpoint));
    BOOST_TEST_REQUIRE(other->tensors().size() == alone->tensors().size());
    std::size_t averages = 0;
    // Of all parameters together: gradients of ReLU's kinks differ by more than rounding, and a bias that has
    // hardly left 0 is mostly such differences.
    double distance = 0;
    double norm = 0;
    for (const weights::NamedTensor& tensor : alone->tensors()) {
      if (tensor.name.starts_with("momentum:")) continue;
      if (tensor.name.find(':') == std::string::npos && other->find("trained:" + tensor.name) != nullptr)
        ++averages;
      const auto expected = floats(tensor);
      const auto actual = floats(*other->find(tensor.name));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        distance += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
        norm += std::pow(static_cast<double>(expected[i]), 2);
      }
    }
    BOOST_TEST(std::sqrt(distance) <= 1e-4 * std::sqrt(norm), run << ": " << std::sqrt(distance / norm));
    BOOST_TEST(averages > 50U);
  }
  shell.succeed(train + "2 -o stopped --ranks 2");
  shell.succeed(train + "5 --resume stopped --ranks 2");
  BOOST_TEST((shell.text("stopped" + checkpoint) == shell.text("two" + checkpoint)));
}

BOOST_AUTO_TEST_CASE(ranks_divide_the_cores) {
  Run shell;
  const std::string bench = "grun bench tiny.fb --shape 1,3,33,33 --iters 2 --json ";
  const auto threads = [&shell](const std::string& command) {
    shell.succeed(command);
    return shell.json("out.txt").find("threads")->integer;
  };
  const std::int64_t all = threads(bench);
  BOOST_TEST(threads(bench + "--ranks 2") == std::max<std::int64_t>(all / 2, 1));
  BOOST_TEST(shell.json("out.txt").find("ranks")->integer == 2);
  BOOST_TEST(threads(bench + "--ranks 2 --threads 3") == 3);
  BOOST_TEST(threads(bench + "--ranks " + std::to_string(all + 1)) == 1);
  BOOST_TEST(shell.text("err.txt").find("one thread each") != std::string::npos, shell.text("err.txt"));
}
