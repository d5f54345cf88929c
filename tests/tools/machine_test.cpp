#include <chrono>

#include "tests/tools/command_folder.h"

// The programs on machines that give them less than they want: threads, memory, file size, output.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kTrain =
    " train tiny.fb --dataset shapes --seed 3 --set train_h=33 --set train_w=33 --set batch_size=40 --set "
    "epochs=1 --set workers=1 --set base_lr=0.01 --max-iters 2 -q ";

// `program` is killed where it hangs.
const std::string kTimed = "timeout -s KILL 60 $grun_path";

struct Shell : CommandFolder {
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8 -q");
    succeed("cp $GOLDEN/start.safetensors w.safetensors");
  }
  std::string said() const { return text("err.txt"); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(openmp_may_grant_fewer_threads_than_are_wanted) {
  Shell shell;
  shell.succeed(kTimed + kTrain + "--threads 1 -o one");
  const std::vector<std::string> expected = shell.steps("one");
  int run = 0;
  for (const std::string limit :
       {"OMP_THREAD_LIMIT=1", "OMP_THREAD_LIMIT=2", "OMP_DYNAMIC=true", "OMP_MAX_ACTIVE_LEVELS=0",
        "OMP_NUM_THREADS=1", "OMP_NESTED=true", "KMP_DEVICE_THREAD_LIMIT=1"}) {
    BOOST_TEST_CONTEXT(limit) {
      const std::string folder = "run" + std::to_string(++run);
      shell.succeed(
          "export " + limit + "\n" + kTimed + kTrain + "--threads 4 -o " + folder + "\n" + kTimed +
          " run tiny.fb --weights w.safetensors --input $GOLDEN/image.npy --output y.npy --threads 4");
      BOOST_TEST(shell.steps(folder).size() == 2u);
      // Other numbers of threads sum some gradients in another order.
      const bool is_one = limit.ends_with("THREAD_LIMIT=1") || limit == "OMP_MAX_ACTIVE_LEVELS=0";
      BOOST_TEST((!is_one || shell.steps(folder) == expected));
    }
  }
}

BOOST_AUTO_TEST_CASE(fewer_threads_are_said) {
  Shell shell;
  shell.succeed("OMP_THREAD_LIMIT=2 $grun_path info tiny.fb --shape 1,3,33,33 --threads 4");
  BOOST_TEST(shell.said().find("2 of the 4 threads: OpenMP grants no more (OMP_THREAD_LIMIT=2)") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(threads_with_too_little_stack_are_refused_by_the_variables_name) {
  Shell shell;
  const std::string info = "$grun_path info tiny.fb --shape 1,3,33,33 --threads ";
  shell.fail("OMP_STACKSIZE=20k " + info + "2", 1, {"OMP_STACKSIZE", "KiB"});
  shell.succeed("OMP_STACKSIZE=64k " + info + "2");
  shell.succeed("OMP_STACKSIZE=20k " + info + "1");
}

BOOST_AUTO_TEST_CASE(messages_that_cannot_be_written_do_not_end_the_work) {
  Shell shell;
  const std::string loud = kTimed + kTrain.substr(0, kTrain.find(" -q")) + " --threads 1 -o ";
  shell.succeed(loud + "full 2>/dev/full");
  shell.succeed(loud + "closed 2>&-");
  shell.succeed(loud + "gone 2>&1 >/dev/null | head -n 0; cat gone/metrics.jsonl");
  for (const char* run : {"full", "closed", "gone"}) {
    BOOST_TEST(shell.steps(run).size() == 2u, run);
    BOOST_TEST(shell.has(std::string(run) + "/checkpoints/interrupted.safetensors"), run);
  }
}

BOOST_AUTO_TEST_CASE(results_that_cannot_be_written_are_an_error_at_the_end) {
  Shell shell;
  const std::string graph = (kSource / "graphs/spnet_tiny.json").string();
  for (const std::string command :
       {"grun data list", "grun info tiny.fb", "grun doctor", "grun --help", "grun --version",
        "grun bench tiny.fb --shape 1,3,33,33 --iters 1 --json"})
    shell.fail(command + " >/dev/full", 1, {"grun: error: standard output could not be written"});
  shell.fail("graphc " + graph + " --print >/dev/full", 1, {"graphc: standard output could not be written"});
  shell.fail("grun data list >&-", 1, {"standard output could not be written"});
  // Nothing that is opened takes the place of a closed stream.
  shell.run(kTimed + kTrain + "-o shut >&- 2>&- <&-");
  BOOST_TEST(shell.steps("shut").size() == 2u);
  BOOST_TEST(shell.text("shut/model.fb").size() > 1000u);
}

BOOST_AUTO_TEST_CASE(a_limit_of_memory_is_an_error_that_names_what_is_missing) {
  Shell shell;
  int good = 0;
  for (int megabytes = 60; megabytes <= 600; megabytes += 60) {
    const std::string command = "ulimit -v " + std::to_string(megabytes * 1000) + "\n" + kTimed + kTrain +
                                "--threads 2 -o run" + std::to_string(megabytes);
    const int status = shell.run(command);
    const std::string said = shell.said();
    good += status == 0 ? 1 : 0;
    // The loader of programs may find too little before the program begins.
    const bool named = said.find("memory") != std::string::npos || said.find("thread") != std::string::npos ||
                       said.find("cannot allocate") != std::string::npos ||
                       said.find("shared object") != std::string::npos;
    BOOST_TEST((status == 0 || (status < 128 && named)), megabytes << " MB: " << status << ": " << said);
  }
  BOOST_TEST(good > 0);
}

BOOST_AUTO_TEST_CASE(a_limit_of_file_size_leaves_no_temporary_files) {
  Shell shell;
  shell.fail("ulimit -f 20\n" + kTimed + kTrain + "-o run", 1, {"File too large"});
  shell.fail("ulimit -f 20\n" + kTimed + " convert w.safetensors big.safetensors", 1,
             {"big.safetensors", "File too large"});
  for (const auto& entry : fs::recursive_directory_iterator(shell.path(".")))
    BOOST_TEST(entry.path().extension() != ".tmp", entry.path());
}

BOOST_AUTO_TEST_CASE(a_relative_cache_folder_of_the_environment_is_not_used) {
  Shell shell;
  shell.succeed(
      "export XDG_CACHE_HOME=relative HOME=$PWD/home\nmkdir home\n$grun_path run tiny.fb --weights "
      "w.safetensors --input $GOLDEN/image.npy --output y.npy");
  BOOST_TEST((!shell.has("relative") && shell.has("home/.cache/graphrun")));
}
