#include <boost/test/unit_test.hpp>

#include "datasets/image_io.h"
#include "tests/tools/command_folder.h"

// `grun data init` and `grun data import`, and what training says of such data at its start.
using namespace graphrun;
using namespace graphrun::test;

namespace {

void write_pair(const CommandFolder& shell, const std::string& name, std::uint8_t shade) {
  for (const char* folder : {"yard/images", "yard/masks"}) fs::create_directories(shell.path(folder));
  constexpr std::int64_t kSide = 40;
  std::vector<std::uint8_t> image(3 * kSide * kSide, shade), mask(3 * kSide * kSide);
  for (std::size_t i = 0; i < mask.size() / 2; i += 3) mask[i] = 200;
  require_ok(datasets::write_rgb_png(shell.path("yard/images/" + name), {kSide, kSide, image}));
  require_ok(datasets::write_rgb_png(shell.path("yard/masks/" + name), {kSide, kSide, mask}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_of_images_and_colour_masks_is_trained_without_a_script) {
  CommandFolder shell;
  for (int i = 0; i < 5; ++i)
    write_pair(shell, "photo " + std::to_string(i) + ".v2.png", static_cast<std::uint8_t>(40 * i));
  shell.succeed("grun data init yard --val 0.2");
  const std::string said = shell.text("out.txt");
  for (const char* part : {"train: 4 samples", "val: 1 sample", R"({"colors": true})", "[200, 0, 0]",
                           "grun data check yard/dataset.json"})
    BOOST_TEST(said.find(part) != std::string::npos, said);
  shell.succeed("grun data check yard/dataset.json -q");
  BOOST_TEST(shell.text("out.txt").find("no problems found") != std::string::npos);
  shell.fail("grun data init yard", 1, {"is there already"});
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -o tiny.fb -D width=8");
  shell.succeed(
      "grun train tiny.fb --dataset yard/dataset.json --max-iters 1 --threads 1 -o run --set train_h=33 "
      "--set "
      "train_w=33 --set batch_size=2 --set epochs=1 --set evaluate=false");
  shell.succeed("grun data import rgb yard -o 'new yard' -q");
  shell.succeed("grun data check 'new yard/dataset.json' -q");
  BOOST_TEST(shell.has("new yard/labels/photo 0.v2.png"));
  shell.fail("grun data import coco none.json -o x", 1, {"none.json"});
  shell.fail("grun data import voc yard -o x", 2, {"coco"});
}

BOOST_AUTO_TEST_CASE(a_cut_off_image_ends_check_and_training_by_name) {
  CommandFolder shell;
  for (int i = 0; i < 4; ++i) write_pair(shell, std::to_string(i) + ".png", 90);
  shell.succeed("grun data init yard");
  const std::string whole = shell.text("yard/images/2.png");
  require_ok(core::write_file(shell.path("yard/images/2.png"), whole.substr(0, whole.size() / 3)));
  shell.fail("grun data check yard/dataset.json -q", 1, {"1 problem"});
  BOOST_TEST(shell.text("out.txt").find("2.png: is cut off") != std::string::npos);
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -o tiny.fb -D width=8");
  shell.fail(
      "grun train tiny.fb --dataset yard/dataset.json --threads 1 -o run --set train_h=33 --set train_w=33 "
      "--set batch_size=4 --set epochs=1 --set evaluate=false",
      1, {"2.png: is cut off"});
}
