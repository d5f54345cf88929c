#include "datasets/image_io.h"
#include "datasets/locate.h"
#include "tests/tools/command_folder.h"

// Bundles, made and used as a person at a shell does.
using namespace graphrun;
using namespace graphrun::test;

namespace {

// With the small network as tiny.fb, picture.ppm of 71 x 40, and the options of a data set of 11 classes.
class Shell : public CommandFolder {
 public:
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8");
    succeed("{ printf 'P6\\n71 40\\n255\\n'; yes 'a street, a tree' | head -c 8520; } >picture.ppm");
  }
  std::string gray(const std::string& folder) const { return text(folder + "/gray/picture.png"); }
};

const std::string kOptions = " --dataset camvid --set test_h=33 --set test_w=33 --set base_size=0 ";
const std::string kWeights = " --weights $GOLDEN/start.safetensors ";

}  // namespace

BOOST_AUTO_TEST_CASE(a_bundle_alone_predicts_the_same_bytes) {
  Shell shell;
  shell.succeed("grun predict tiny.fb" + kWeights + kOptions + "picture.ppm -o expected -q");
  shell.succeed("grun pack tiny.fb" + kWeights + kOptions + "-o tiny.grun");
  shell.succeed(
      "mkdir alone\nmv tiny.grun picture.ppm alone\ncd alone\ngrun predict tiny.grun picture.ppm -o out -q");
  BOOST_TEST((shell.gray("alone/out") == shell.gray("expected")));
  for (const std::string kind : {"color", "overlay"}) {
    BOOST_TEST_CONTEXT(kind)
    BOOST_TEST((shell.text("alone/out/" + kind + "/picture.png") ==
                shell.text("expected/" + kind + "/picture.png")));
  }
  // What the command line says is stronger than what is stored.
  const std::string limited = "cd alone\ngrun predict tiny.grun picture.ppm -o other -q --memory-limit 40MB";
  shell.succeed(limited);
  shell.fail(limited + " --set test_h=4001 --set test_w=4001", 1, {"of memory"});
}

BOOST_AUTO_TEST_CASE(the_example_labels_as_predict_does) {
  Shell shell;
  shell.succeed("grun pack tiny.fb" + kWeights + kOptions + "-o tiny.grun -q");
  shell.succeed("grun predict tiny.grun picture.ppm -o out -q");
  shell.succeed(GRAPHRUN_BINARY_DIR "/tests/api/example_label_image tiny.grun picture.ppm map.pgm");
  const datasets::LabelImage expected = take(datasets::read_label(shell.path("out/gray/picture.png")));
  const std::string pgm = shell.text("map.pgm");
  BOOST_TEST_REQUIRE(pgm.size() > expected.ids.size());
  const std::string_view pixels = std::string_view(pgm).substr(pgm.size() - expected.ids.size());
  BOOST_TEST(std::equal(pixels.begin(), pixels.end(), expected.ids.begin(), expected.ids.end(),
                        [](char a, std::uint16_t b) { return static_cast<unsigned char>(a) == b; }));
  BOOST_TEST(shell.text("out.txt").find("  ") != std::string::npos);
}

// It prints a class each 32 rows, in the middle column.
BOOST_AUTO_TEST_CASE(the_readmes_program_labels_as_predict_does) {
  Shell shell;
  shell.succeed("{ printf 'P6\\n71 230\\n255\\n'; yes 'a street, a tree' | head -c 48990; } >picture.ppm");
  shell.succeed("grun pack tiny.fb" + kWeights + kOptions + "-o yard.grun -q");
  shell.succeed("grun predict yard.grun picture.ppm -o out -q");
  shell.succeed(GRAPHRUN_BINARY_DIR "/tests/api/example_readme picture.ppm");
  const datasets::LabelImage labels = take(datasets::read_label(shell.path("out/gray/picture.png")));
  const datasets::Descriptor camvid = take(datasets::find_descriptor("camvid"));
  std::string expected;
  for (std::size_t row = 0; row < 230; row += 32)
    expected += camvid.classes[labels.ids[row * 71 + 71 / 2]].name + "\n";
  BOOST_TEST(shell.text("out.txt") == expected);
}

BOOST_AUTO_TEST_CASE(a_bundle_stands_for_a_model_everywhere) {
  Shell shell;
  shell.succeed("grun pack tiny.fb" + kWeights + kOptions + "-o tiny.grun -q");
  shell.succeed("grun info tiny.grun --shape 1,3,65,65 -q");
  const std::string run = " --input $GOLDEN/image.npy --output ";
  shell.succeed("grun run tiny.fb" + kWeights + run + "files.npy\ngrun run tiny.grun" + run + "bundle.npy");
  BOOST_TEST((shell.text("files.npy") == shell.text("bundle.npy")));
  shell.succeed("grun bench tiny.grun --mode infer --shape 1,3,33,33 --iters 1 -q");
  // Packed once more, from itself: the same bytes.
  shell.succeed("grun pack tiny.grun -o again.grun -q\ncmp tiny.grun again.grun");
  shell.succeed("grun pack tiny.grun -o narrow.grun --precision bf16 -q");
  BOOST_TEST(fs::file_size(shell.path("narrow.grun")) < fs::file_size(shell.path("tiny.grun")));
  shell.succeed("grun predict narrow.grun picture.ppm -o narrow -q");
}

BOOST_AUTO_TEST_CASE(bundles_are_not_taken_for_what_they_are_not) {
  Shell shell;
  shell.succeed("grun pack tiny.fb" + kWeights + kOptions + "-o tiny.grun -q");
  shell.fail("grun predict tiny.grun" + kWeights + "picture.ppm -o out", 2,
             {"--weights", "tiny.grun is a bundle"});
  shell.fail("grun predict tiny.fb picture.ppm -o out", 2, {"--weights is missing"});
  shell.fail("grun run tiny.fb --input x.npy --output y.npy", 2, {"--weights is missing"});
  shell.fail("grun pack tiny.fb" + kWeights + "-o tiny.zip", 2, {".grun"});
  shell.fail("grun pack tiny.fb" + kOptions + "-o other.grun", 2, {"--weights is missing"});
  shell.fail("grun pack tiny.fb" + kWeights + "-o other.grun --precision int8", 2, {"int8", "f32,bf16"});
  shell.truncate(shell.path("tiny.grun").string(), "half.grun");
  shell.fail("grun predict half.grun picture.ppm -o out", 1, {"half.grun"});
  BOOST_TEST((!shell.has("out") && !shell.has("other.grun")));
}
