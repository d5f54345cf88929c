#include "ops/cpu_backend.h"
#include "runtime/model/eight_bits.h"
#include "tests/skip.h"
#include "tests/tools/command_folder.h"

// Weights in 8 bits, made and used as a person at a shell does.
using namespace graphrun;
using namespace graphrun::test;

namespace {

bool is_without_bytes() {
  const Status status = model::check_precision(*take(ops::make_cpu_backend()), DType::s8);
  if (!status.ok()) skip(status.message());
  return !status.ok();
}

// A small network that has learnt something of the generated figures, as run/.
class Shell : public CommandFolder {
 public:
  Shell() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=16");
    succeed(
        "grun train tiny.fb --dataset shapes --seed 3 --threads 2 --set train_h=65 --set train_w=65 --set "
        "test_h=65 "
        "--set test_w=65 --set base_size=65 --set batch_size=8 --set epochs=4 -q -o "
        "run");
  }
  double mean_iou(const std::string& folder) const {
    return json(folder + "/metrics.json").find("mIoU")->real;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(quantised_weights_label_as_the_network_does, *needs("int8")) {
  if (is_without_bytes()) return;
  Shell shell;
  shell.succeed("grun quantize run --dataset shapes --images 24 -o w8.safetensors");
  const std::string table = shell.text("out.txt");
  BOOST_TEST(table.find(" s8\n") != std::string::npos, table);
  BOOST_TEST(table.find("24 images: mIoU") != std::string::npos, table);
  // Of a network this small the norms are a good part.
  const auto weights = fs::file_size(shell.path("run/checkpoints/epoch_4.safetensors"));
  BOOST_TEST(static_cast<double>(fs::file_size(shell.path("w8.safetensors"))) <
             0.6 * static_cast<double>(weights));

  const std::string eval = "grun eval run/model.fb --dataset shapes --no-pictures -q ";
  const std::string narrow = eval + "--weights w8.safetensors ";
  shell.succeed(eval + "--weights run/checkpoints/epoch_4.safetensors -o f32\n" + narrow + "-o stands_for\n" +
                narrow + "--precision int8 -o int8");
  // Networks that are trained lose at most 0.005 (doc/benchmarks.md); four epochs leave classes undecided.
  BOOST_TEST(std::abs(shell.mean_iou("int8") - shell.mean_iou("f32")) <= 0.015);
  BOOST_TEST(std::abs(shell.mean_iou("stands_for") - shell.mean_iou("f32")) <= 0.015);

  // The bundle has the same tensors, and is enough by itself.
  shell.succeed("grun pack run/model.fb --weights w8.safetensors -o tiny.grun -q");
  constexpr std::uintmax_t kPages = 5 * 4096;
  BOOST_TEST(fs::file_size(shell.path("tiny.grun")) <= fs::file_size(shell.path("w8.safetensors")) +
                                                           fs::file_size(shell.path("run/model.fb")) +
                                                           kPages);
  shell.succeed("{ printf 'P6\n71 40\n255\n'; yes 'a street, a tree' | head -c 8520; } >picture.ppm");
  for (const std::string precision : {"int8", "f32"}) {
    const std::string options = " --protocol whole --set base_size=65 -q --precision " + precision + " -o ";
    shell.succeed("grun predict run/model.fb --weights w8.safetensors picture.ppm" + options + "files_" +
                  precision);
    shell.succeed(
        "rm -rf alone && mkdir alone && cp tiny.grun picture.ppm alone && cd alone\n"
        "grun predict tiny.grun picture.ppm" +
        options + "out");
    for (const std::string kind : {"gray", "color", "overlay"})
      BOOST_TEST((shell.text("alone/out/" + kind + "/picture.png") ==
                  shell.text("files_" + precision + "/" + kind + "/picture.png")));
  }
  shell.truncate(shell.path("tiny.grun").string(), "half.grun");
  shell.fail("grun predict half.grun picture.ppm --precision int8 -o none", 1, {"half.grun"});
  const std::string whole = shell.text("tiny.grun");
  constexpr std::size_t kFlips = 12;
  for (std::size_t i = 0; i < kFlips; ++i) {
    std::string changed = whole;
    changed[(whole.size() - 1) * i / (kFlips - 1)] ^= 1;
    require_ok(core::write_file(shell.path("changed.grun"), changed));
    shell.fail("grun predict changed.grun picture.ppm --precision int8 -o none", 1, {"changed.grun"});
  }
  shell.succeed(
      "grun bench run/model.fb --weights w8.safetensors --precision int8 --mode infer --shape 1,3,65,65 "
      "--iters 1 -v");
  BOOST_TEST(shell.text("out.txt").find("quantise") != std::string::npos, shell.text("out.txt"));
}

BOOST_AUTO_TEST_CASE(what_is_not_quantised_is_refused_in_int8, *needs("int8")) {
  if (is_without_bytes()) return;
  CommandFolder shell;
  shell.succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8");
  const std::string weights = " --weights $GOLDEN/start.safetensors ";
  shell.fail("grun run tiny.fb" + weights + "--precision int8 --input $GOLDEN/image.npy --output out.npy", 1,
             {"not quantised", "grun quantize"});
  shell.fail("grun quantize tiny.fb" + weights + "-o out.safetensors", 2, {"--dataset"});
  shell.fail("grun train tiny.fb --dataset shapes --precision int8 -o none", 1, {"not in s8"});
}
