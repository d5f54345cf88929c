#include "datasets/image_io.h"
#include "tests/tools/command_folder.h"

// What grun report, runs and compare make of runs; how the page behaves in a browser is
// report_page_test.py's.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kTrain =
    " train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set "
    "batch_size=8 "
    "--set workers=1 --set base_lr=0.01 --set evaluate=true -q ";

struct Shell : CommandFolder {
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8 -q");
  }
};

void check_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    BOOST_TEST((text.find(part) != std::string::npos), part << " is not in:\n" << text.substr(0, 4000));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_shows_a_run_before_and_after_its_evaluation) {
  Shell shell;
  shell.succeed("grun" + kTrain + "-o run --set epochs=1; grun report run");
  check_has(shell.text("out.txt"), {"run/report.html"});
  check_has(shell.text("run/report.html"),
            {"<!DOCTYPE html>", "<h1>spnet_tiny on shapes</h1>", "has not been evaluated", ">Loss<",
             ">Learning rate<", "base_lr", "How to repeat it", "grun train tiny.fb --dataset shapes"});
  shell.succeed("grun eval run -q; grun report run -o new.html -q");
  BOOST_TEST(shell.text("out.txt").find("report") == std::string::npos);
  const std::string page = shell.text("new.html");
  check_has(page, {"Classes by IoU", "stripes", "Worst", "Best", "data:image/jpeg;base64,", "Difference"});
  BOOST_TEST(count(page, "<figure class=\"sample\">") == 10U);
  BOOST_TEST(page.size() <= 5'000'000U);
  // Nothing in it is elsewhere.
  for (const char* reference : {"http:", "https:", "<link rel=\"stylesheet\"", "src=\"//", "url("})
    BOOST_TEST((page.find(reference) == std::string::npos), reference);
  // One of the run's evaluations brings the run.
  shell.succeed("grun report run/result/epoch_1/val/ss/metrics.json -o one.html -q");
  check_has(shell.text("one.html"), {"spnet_tiny on shapes", "Settings"});
}

BOOST_AUTO_TEST_CASE(a_report_of_scores_alone_takes_names_as_text) {
  CommandFolder shell;
  require_ok(core::write_file(
      shell.path("metrics.json"),
      std::string_view(
          R"({"mIoU": 0.5, "images": 3, "per_class": [{"name": "<script>alert(1)</script>", "iou": 0.25,
                           "acc": 0.5}, {"name": "a & b", "iou": 0.75}], "confusion": [[6, 2], [4, 8]]})")));
  shell.succeed("grun report metrics.json");
  const std::string page = shell.text("report.html");
  BOOST_TEST(page.find("<script>alert") == std::string::npos);
  check_has(page,
            {"&lt;script&gt;alert(1)&lt;/script&gt;", "a &amp; b", "Worst confusions", "0.2500", "33.3"});
  BOOST_TEST(count(page, "<script>") == 1U);
}

BOOST_AUTO_TEST_CASE(what_no_report_can_be_made_of) {
  CommandFolder shell;
  shell.fail("grun report nowhere", 1, {"nowhere: a report is made from the folder of a run"});
  shell.succeed("echo '[1]' > metrics.json; echo '{\"per_class\": 3, \"confusion\": [[1]]}' > odd.json");
  shell.fail("grun report metrics.json", 1, {"metrics.json: expected a JSON object"});
  BOOST_TEST(!shell.has("report.html"));
  shell.succeed("grun report odd.json");
  shell.fail("grun report odd.json --profile odd.json", 1, {"odd.json: has no list traceEvents"});
  shell.fail("grun report odd.json -o no/where.html", 1, {"no/where.html"});
}

BOOST_AUTO_TEST_CASE(runs_are_listed_and_compared_as_values_and_as_a_drawing) {
  Shell shell;
  shell.fail("grun runs", 1, {"exp: no run is in this folder or below it"});
  shell.succeed(
      "grun" + kTrain + "-o all/first --set epochs=1; grun" + kTrain +
      "-o all/deep/second --set epochs=2 --max-iters 60; mkdir all/bad; echo '{}' > all/bad/run.json");
  shell.succeed(
      "grun eval all/first -q --no-pictures; grun eval all/deep/second -q --no-pictures; grun runs all");
  check_has(shell.text("out.txt"),
            {"all/first ", "spnet_tiny", "shapes", "1/1", "finished", "all/deep/second", "1/2", "stopped",
             "all/bad", "damaged: all/bad/run.json"});
  shell.succeed("grun runs all --csv");
  check_has(shell.text("out.txt"), {"run,network,data set,epochs", "\nall/first,spnet_tiny,shapes,1/1,0."});
  shell.succeed("grun compare all/first all/deep/second");
  check_has(shell.text("out.txt"), {"settings that differ", "  mIoU ", " (+", "  iou stripes"});
  shell.succeed("grun compare all/first all/deep/second --csv -o runs.csv");
  check_has(shell.text("runs.csv"), {"difference of all/deep/second\n", "  epochs,1,"});
  shell.succeed("grun compare all/first all/deep/second --svg -o runs.svg");
  check_has(shell.text("runs.svg"),
            {"<svg xmlns=\"http://www.w3.org/2000/svg\"", "val/ss", "all/first", "stripes"});
  shell.fail("grun compare all/first all/deep/second --svg --csv", 2, {"--csv"});
}

BOOST_AUTO_TEST_CASE(a_preview_shows_the_crops_of_a_seed) {
  CommandFolder shell;
  const std::string command =
      "grun data preview shapes --set train_h=40 --set train_w=60 --set batch_size=4 --crops 5 -o ";
  shell.succeed(command + "one.png; " + command + "same.png; " + command + "other.png --seed 7");
  BOOST_TEST((shell.text("one.png") == shell.text("same.png")));
  BOOST_TEST((shell.text("one.png") != shell.text("other.png")));
  const imaging::Image sheet = take(datasets::read_image(shell.path("one.png")));
  // Three crops of sixty columns with their labels in a row, two rows of forty, titles and a legend.
  BOOST_TEST(sheet.width == 12 + 6 * (60 + 12));
  BOOST_TEST(sheet.height > 12 + 2 * (22 + 40 + 12) + 22);
  BOOST_TEST(shell.run("grun data preview shapes -o no/where.png") == 1);
  shell.fail("grun data preview shapes --crops 0 -o none.png", 2, {"--crops"});
}
