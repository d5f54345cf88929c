#include <cmath>

#include "datasets/image_io.h"
#include "tests/skip.h"
#include "tests/tools/command_folder.h"

// Saved predictions of real images, scored by the command. The expected figures come with the samples
// (metrics_expected.txt beside them), computed by the data sets' official definitions.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Expected {
  double mean_iou = 0;
  double mean_accuracy = 0;
  double accuracy = 0;
};

double number(const compiler::JsonValue& json, const char* key) {
  const compiler::JsonValue* const value = json.find(key);
  BOOST_REQUIRE(value != nullptr);
  return value->is(compiler::JsonValue::Kind::integer) ? static_cast<double>(value->integer) : value->real;
}

void check_score(const CommandFolder& shell, const std::string& file, const Expected& expected) {
  const compiler::JsonValue metrics = shell.json(file);
  BOOST_TEST(std::abs(number(metrics, "mIoU") - expected.mean_iou) < 1e-9);
  BOOST_TEST(std::abs(number(metrics, "mAcc") - expected.mean_accuracy) < 1e-9);
  BOOST_TEST(std::abs(number(metrics, "aAcc") - expected.accuracy) < 1e-9);
}

std::optional<std::string> samples(const std::string& name) {
  const auto root = shared_data("samples/" + name);
  if (!root) {
    skip("no samples of " + name);
    return std::nullopt;
  }
  return fs::canonical(*root).string();
}

// A data root with a list of its own: images that need not exist, and labels.
void make_root(CommandFolder& shell, const std::string& labels, const std::vector<std::string>& names) {
  fs::create_directories(shell.path("root/list"));
  fs::create_directory_symlink(labels, shell.path("root/labels"));
  std::string list;
  for (const std::string& name : names) list += "absent/" + name + ".jpg\tlabels/" + name + ".png\r\n";
  for (const char* file : {"root/list/validation.txt", "root/list/val.txt"})
    require_ok(core::write_file(shell.path(file), list));
}

}  // namespace

BOOST_AUTO_TEST_CASE(ade20k_sample_predictions, *needs("samples")) {
  const auto ade = samples("ade20k");
  if (!ade) return;
  CommandFolder shell;
  shell.succeed("grun eval -q --dataset ade20k --data-root " + *ade + " --predictions " + *ade +
                "/predictions_sceneparsing/validation --predictions-as label -o out");
  check_score(shell, "out/metrics.json", {0.1, 0.1, 1});
}

BOOST_AUTO_TEST_CASE(ade20k_teaser_predictions, *needs("samples")) {
  const auto ade = samples("ade20k");
  if (!ade) return;
  CommandFolder shell;
  make_root(shell, *ade + "/teaser_decoded/annotations", {"ADE_val_00000278", "ADE_val_00001519"});
  const auto score = [&](const std::string& year) {
    shell.succeed("grun eval -q --dataset ade20k --data-root root --predictions " + *ade +
                  "/teaser_decoded/predictions_" + year + " --predictions-as label -o " + year);
  };
  score("2018");
  check_score(shell, "2018/metrics.json", {0.1300057994, 0.1516613006, 641500.0 / 758995});
  score("2017");
  check_score(shell, "2017/metrics.json", {0.1081277397, 0.1275589377, 586721.0 / 758995});
}

BOOST_AUTO_TEST_CASE(voc2012_predictions, *needs("samples")) {
  const auto voc = samples("voc2012");
  if (!voc) return;
  {
    CommandFolder shell;
    make_root(shell, *voc + "/VOCdevkit/VOC2012/SegmentationClass", {"2007_000129"});
    shell.succeed("grun eval -q --dataset voc2012 --data-root root --predictions " + *voc +
                  "/predictions_deeplabv3plus_mmseg -o out");
    check_score(shell, "out/metrics.json", {0.1255797705, 0.1339953121, 140721.0 / 149715});
  }
  CommandFolder shell;
  make_root(shell, *voc + "/vainf_decoded/target", {"1", "23", "114"});
  shell.succeed("grun eval -q --dataset voc2012 --data-root root --predictions " + *voc +
                "/vainf_decoded/pred -o out");
  check_score(shell, "out/metrics.json", {0.1819723574, 0.1893875670, 752819.0 / 759907});
}

BOOST_AUTO_TEST_CASE(cityscapes_predictions_count_in_class_ids_and_in_label_ids) {
  CommandFolder shell;
  const std::string name = "val/lindau/lindau_000000_000019";
  for (const char* folder : {"root/leftImg8bit/val/lindau", "root/gtFine/val/lindau", "classes", "labels"})
    fs::create_directories(shell.path(folder));
  const imaging::Image image{1, 4, std::vector<std::uint8_t>(12, 80)};
  require_ok(datasets::write_rgb_png(shell.path("root/leftImg8bit/" + name + "_leftImg8bit.png"), image));
  require_ok(datasets::write_gray_png(shell.path("root/gtFine/" + name + "_gtFine_labelIds.png"),
                                      {1, 4, {7, 8, 26, 0}}));
  const std::string file = "/lindau_000000_000019_leftImg8bit.png";
  require_ok(datasets::write_gray_png(shell.path("classes" + file), {1, 4, {0, 1, 0, 9}}));
  require_ok(datasets::write_gray_png(shell.path("labels" + file), {1, 4, {7, 8, 7, 22}}));
  for (const std::string kind : {"class", "label"}) {
    const std::string folder = kind == "class" ? "classes" : "labels";
    shell.succeed("grun eval -q --dataset cityscapes --data-root root --predictions " + folder +
                  " --predictions-as " + kind + " -o out_" + kind);
    check_score(shell, "out_" + kind + "/metrics.json", {1.5 / 19, 2.0 / 19, 2.0 / 3});
  }
  // What the folder lacks is said, and is no problem of what is there.
  shell.succeed("grun data check cityscapes --data-root root -q");
  BOOST_TEST(shell.text("out.txt").find("train: not there") != std::string::npos);
  require_ok(datasets::write_gray_png(shell.path("root/gtFine/" + name + "_gtFine_labelIds.png"),
                                      {1, 4, {7, 8, 255, 0}}));
  shell.fail("grun data check cityscapes --data-root root -q", 1, {"1 problem"});
  BOOST_TEST(shell.text("out.txt").find("label id 255 first at row 0, column 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(scoring_says_what_it_cannot_take_into_account) {
  CommandFolder shell;
  make_root(shell, shell.path("own").string(), {"a", "b"});
  for (const char* folder : {"own", "predicted"}) fs::create_directories(shell.path(folder));
  require_ok(datasets::write_gray_png(shell.path("own/a.png"), {1, 4, {1, 2, 150, 0}}));
  require_ok(datasets::write_gray_png(shell.path("own/b.png"), {1, 2, {1, 1}}));
  require_ok(datasets::write_gray_png(shell.path("predicted/a.png"), {1, 4, {1, 2, 150, 255}}));
  require_ok(datasets::write_gray_png(shell.path("predicted/b.png"), {1, 2, {0, 150}}));
  const std::string score = "grun eval -q --dataset ade20k --data-root root --predictions predicted ";

  shell.succeed(score);
  const std::string warned = shell.text("err.txt");
  for (const char* part : {"a.png: id 150 at row 0, column 2", "2 such pixels", "--predictions-as label"})
    BOOST_TEST(warned.find(part) != std::string::npos, warned);

  shell.succeed(score + "--set index_start=1");
  const compiler::JsonValue metrics = shell.json("eval/metrics.json");
  BOOST_TEST(metrics.find("images")->integer == 1);
  BOOST_TEST(std::abs(number(metrics, "aAcc") - 0.5) < 1e-9);
  BOOST_TEST(metrics.find("protocol")->find("index_start")->integer == 1);
  BOOST_TEST(shell.text("err.txt").find("b.png: id 150") != std::string::npos);

  shell.fail(score + "--set index_start=2", 1, {"index_start is 2"});
  shell.fail(score + "--set index_strt=1", 2, {"index_strt", "index_start"});
  for (const std::string option : {"--ms", "--no-flip", "--precision bf16", "--batch 2", "--weights best"})
    shell.fail(score + option, 2, {"--predictions", option.substr(0, option.find(' '))});
}

BOOST_AUTO_TEST_CASE(the_loader_alone_is_timed) {
  CommandFolder shell;
  shell.succeed("grun data bench shapes --network spnet50 --seconds 0.1 --workers 2 --json");
  const compiler::JsonValue report = shell.json("out.txt");
  BOOST_TEST(report.find("train_h")->integer == 121);
  BOOST_TEST(number(report, "images_per_s") > 0);
  BOOST_TEST(number(report, "cpu_ms_per_image") > 0);
}
