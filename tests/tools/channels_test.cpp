#include <boost/test/unit_test.hpp>

#include "datasets/image_io.h"
#include "tests/tools/command_folder.h"

// Networks for images of other channels, from data sets to label maps in one piece and by windows.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kTrain =
    " -q --deterministic --set train_h=65 --set train_w=65 --set batch_size=4 --set base_size=0 --max-iters "
    "2";

// A generated set of so many channels, small enough for a test.
std::string descriptor(int channels) {
  const std::string list =
      channels == 7 ? "[9000, 9000, 9000, 9000, 9000, 9000, 9000]" : "[9000, 9000, 9000]";
  return R"({"name": "fields", "classes": [{"name": "soil", "color": [1, 2, 3]}, {"name": "crop", "color": [4, 5, 6]},
  {"name": "weed", "color": [7, 8, 9]}, {"name": "stone", "color": [10, 11, 12]}], "labels": {"identity": 4},
  "generator": {"name": "shapes7", "height": 65, "width": 65}, "images": {"channels": )" +
         std::to_string(channels) + R"(, "type": "u16"}, "preprocess": {"mean": )" + list + R"(, "std": )" +
         list +
         R"(}, "splits": {"train": {"count": 8, "seed": 1}, "val": {"count": 2, "seed": 2}}, "settings": {"train_h": 65, "train_w": 65, "test_h": 65, "test_w": 65}})";
}

}  // namespace

BOOST_AUTO_TEST_CASE(seven_channels_are_trained_evaluated_and_refused_by_others) {
  CommandFolder shell;
  require_ok(core::write_file(shell.path("fields.json"), descriptor(7)));
  require_ok(core::write_file(shell.path("rgb.json"), descriptor(3)));
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -D channels=7 -o seven.fb");
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -o three.fb");
  shell.succeed("grun data check fields.json --split train");
  const std::string report = shell.text("out.txt");
  for (const char* text : {"\"preprocess\": {\"value_scale\": 1, \"mean\": [", "channel         mean"})
    BOOST_TEST(report.find(text) != std::string::npos, report);
  shell.fail("grun train three.fb --dataset fields.json -o no" + kTrain, 1,
             {"images of 3 channels", "graphc -D channels=7"});
  shell.succeed("grun train seven.fb --dataset fields.json -o run" + kTrain);
  shell.succeed("grun eval --run run --split val -o scores");
  BOOST_TEST(shell.has("scores/overlay/shapes7_000001.png"));
  shell.fail("grun eval --run run --dataset rgb.json --split val", 1,
             {"images of 7 channels", "fields has 3 channels"});
  // Three channels of 16 bits take the descriptor's scaling, and their pictures are no pictures.
  shell.succeed("grun train three.fb --dataset rgb.json -o rgb" + kTrain + " --set brightness=30");
  shell.succeed(
      "grun train three.fb --dataset rgb.json -o loud --deterministic --set train_h=65 --set train_w=65 "
      "--set batch_size=4 --max-iters 1 --set brightness=30");
  BOOST_TEST((shell.text("err.txt") + shell.text("out.txt")).find("brightness changes colours") !=
             std::string::npos);
}

// Bands of a scene in files of their own, as satellites deliver them.
BOOST_AUTO_TEST_CASE(several_files_are_labelled_by_windows_as_in_one_piece) {
  CommandFolder shell;
  const std::string bands = R"("images": {"files": ["B1", "B2", "B3"], "channels": 3)";
  std::string text = descriptor(3);
  text.replace(text.find(R"("images": {"channels": 3)"), 24, bands);
  require_ok(core::write_file(shell.path("bands.json"), text));
  for (int band = 1; band <= 3; ++band) {
    imaging::LabelMap picture{150, 210, {}};
    for (std::int64_t i = 0; i < 150 * 210; ++i)
      picture.ids.push_back(static_cast<ClassId>((i * i / 977 + band * 5003 + i / 300) % 18000));
    require_ok(datasets::write_gray_png(shell.path("scene_B" + std::to_string(band) + ".png"), picture,
                                        imaging::kMaxByteClasses + 1));
  }
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -D width=8 -o net.fb");
  require_ok(core::write_file(shell.path("rgb.json"), descriptor(3)));
  shell.succeed("grun train net.fb --dataset rgb.json -o run" + kTrain);
  const std::string options =
      " --weights last --dataset bands.json --set test_h=33 --set test_w=33 --set base_size=0 -q";
  shell.succeed("grun predict run scene_B1.png --protocol slide -o whole" + options);
  shell.succeed("grun predict run scene_B1.png --tiled -o windows" + options);
  const auto whole = take(datasets::read_label(shell.path("whole/gray/scene_B1.png")));
  const auto windows = take(datasets::read_label(shell.path("windows/gray/scene_B1.png")));
  BOOST_TEST((whole.ids == windows.ids));
  fs::remove(shell.path("scene_B3.png"));
  shell.fail("grun predict run scene_B1.png --tiled -o no" + options, 1, {"scene_B3.png"});
}

// A picture in one piece and by windows, as PNG and as TIFF.
BOOST_AUTO_TEST_CASE(windows_of_files_have_the_labels_of_slide) {
  CommandFolder shell;
  imaging::Image image{150, 210, {}};
  for (std::int64_t i = 0; i < 3 * 150 * 210; ++i)
    image.rgb.push_back(static_cast<std::uint8_t>((i * i / 977 + i / 300) % 256));
  require_ok(datasets::write_rgb_png(shell.path("a.png"), image));
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -D width=8 -o net.fb");
  const std::string options =
      " --weights $GOLDEN/start.safetensors --dataset camvid --set test_h=33 --set test_w=33 --set "
      "base_size=0 -q";
  shell.succeed("grun predict net.fb a.png --protocol slide -o whole" + options);
  shell.succeed("grun predict net.fb a.png --tiled -o windows" + options);
  for (const char* file : {"gray/a.png", "color/a.png"}) {
    const auto whole = take(datasets::read_label(shell.path(std::string("whole/") + file)));
    const auto windows = take(datasets::read_label(shell.path(std::string("windows/") + file)));
    BOOST_TEST((whole.ids == windows.ids));
    BOOST_TEST((whole.palette == windows.palette));
  }
  BOOST_TEST(!shell.has("windows/overlay"));
  const std::string sure = options + " --confidence --threshold 0.3 --unsure 200";
  shell.succeed("grun predict net.fb a.png --protocol slide -o sure" + sure);
  shell.succeed("grun predict net.fb a.png --tiled -o sure_windows" + sure);
  for (const char* file : {"gray/a.png", "color/a.png", "confidence/a.png"}) {
    const auto whole = take(datasets::read_label(shell.path(std::string("sure/") + file)));
    const auto windows = take(datasets::read_label(shell.path(std::string("sure_windows/") + file)));
    BOOST_TEST((whole.ids == windows.ids), file);
    BOOST_TEST((whole.palette == windows.palette), file);
  }
  shell.fail("grun predict net.fb a.png --tiled --probabilities -o no" + options, 1,
             {"probabilities of all"});
  shell.fail("grun predict net.fb a.png --tiled --ms -o no" + options, 1, {"at scale 1 alone"});
  BOOST_TEST(!shell.has("no/gray/a.png"));
}
