#include "ops/cpu_backend.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/tensor_file.h"
#include "tests/tools/command_folder.h"

// Weights as people have them, and runs that start from them.
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::string kData = R"({"name": "seven", "classes": [
    {"name": "c0", "color": [0, 0, 0]}, {"name": "c1", "color": [1, 0, 0]}, {"name": "c2", "color": [2, 0, 0]},
    {"name": "c3", "color": [3, 0, 0]}, {"name": "c4", "color": [4, 0, 0]}, {"name": "c5", "color": [5, 0, 0]},
    {"name": "c6", "color": [6, 0, 0]}],
  "labels": {"identity": 7, "ignore": [255]}, "generator": {"name": "shapes", "height": 33, "width": 33},
  "splits": {"train": {"count": 24, "seed": 1}, "val": {"count": 12, "seed": 2}},
  "settings": {"test_h": 33, "test_w": 33, "train_h": 33, "train_w": 33, "base_size": 33, "batch_size": 4,
               "workers": 1, "epochs": 2, "evaluate": true}})";

struct Shell : CommandFolder {
  Shell() {
    require_ok(core::write_file(path("seven.json"), kData));
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() +
            " -o tiny.fb -D width=8 -D dropout=0");
  }
  std::shared_ptr<const weights::TensorFile> tensors(const std::string& name) const {
    return open_tensors(path(name));
  }
};

const std::string kTrain = "grun train tiny.fb --dataset seven.json --seed 3 --threads 1 -q ";
const std::string kAll =
    kTrain +
    "--set ema=0.9 --set clip_norm=0.5 --set schedule=cosine --set warmup_iters=3 --set base_lr=0.05 ";

// Writes the tensors of a file with changes.
template <class Change>
void rewrite(const Shell& shell, const std::string& from, const std::string& to, const Change& change) {
  const auto file = shell.tensors(from);
  std::vector<weights::NamedTensor> tensors;
  std::vector<std::vector<float>> memory;
  memory.reserve(file->tensors().size());
  for (const weights::NamedTensor& tensor : file->tensors()) {
    const auto values = floats(tensor);
    memory.emplace_back(values.begin(), values.end());
    weights::NamedTensor changed{tensor.name, tensor.desc, std::as_bytes(std::span(memory.back()))};
    if (change(changed, memory.back())) tensors.push_back(changed);
  }
  require_ok(weights::write_safetensors(shell.path(to), tensors, {}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_with_averages_and_clipping_goes_on_as_if_never_stopped) {
  Shell shell;
  shell.succeed(kAll + "-o whole");
  shell.succeed(kAll + "-o part --max-iters 2");
  shell.succeed(kAll + "--resume part --max-iters 8");
  shell.succeed(kAll + "--resume part");
  BOOST_TEST(shell.steps("part") == shell.steps("whole"), boost::test_tools::per_element());
  BOOST_TEST(shell.text("part/epochs.jsonl") == shell.text("whole/epochs.jsonl"));
  for (const std::string name : {"epoch_2", "best"}) {
    const std::string file = "/checkpoints/" + name + ".safetensors";
    BOOST_TEST((shell.text("part" + file) == shell.text("whole" + file)), name);
  }
  // Averages under the parameters' names; a validation of them left the parameters as they are.
  const auto file = shell.tensors("whole/checkpoints/epoch_2.safetensors");
  const weights::NamedTensor* const average = file->find("head.score_layer.0.weight");
  const weights::NamedTensor* const trained = file->find("trained:head.score_layer.0.weight");
  BOOST_TEST_REQUIRE((average != nullptr && trained != nullptr));
  BOOST_TEST(!std::ranges::equal(floats(*average), floats(*trained)));
  std::size_t pairs = 0;
  for (const weights::NamedTensor& tensor : file->tensors())
    pairs += tensor.name.starts_with("trained:") ? 1 : 0;
  BOOST_TEST(pairs > 50U);
  shell.succeed(kAll + "-o unwatched --set evaluate=false");
  BOOST_TEST(shell.steps("unwatched") == shell.steps("whole"), boost::test_tools::per_element());
  shell.succeed("grun eval --run whole --threads 1 -q --no-pictures");
  // Averages can be given up: the run goes on with the parameters.
  shell.succeed(kTrain + "--resume whole --set ema=0 --set epochs=3 --set warmup_iters=0");
}

BOOST_AUTO_TEST_CASE(a_run_ends_when_nothing_gets_better) {
  Shell shell;
  const std::string train =
      kTrain +
      "--set epochs=60 --set early_stop=2 --set best_metric=loss --set base_lr=0.3 --set warmup_iters=2 ";
  shell.succeed(train + "-o run");
  const std::string epochs = shell.text("run/epochs.jsonl");
  const auto count = std::ranges::count(epochs, '\n');
  BOOST_TEST(count >= 3);
  BOOST_TEST(count < 60);
  BOOST_TEST(shell.has("run/checkpoints/epoch_" + std::to_string(count) + ".safetensors"));
  const auto best = shell.tensors("run/checkpoints/best.safetensors");
  BOOST_TEST(best->metadata().at("best_metric") == "loss");
  BOOST_TEST(best->metadata().at("best_epoch") == std::to_string(count - 2));
  shell.succeed(train + "--resume run");
  BOOST_TEST(shell.text("run/epochs.jsonl") == epochs);
}

BOOST_AUTO_TEST_CASE(the_best_epoch_is_best_in_any_metric_of_a_validation) {
  Shell shell;
  for (const std::string metric : {"iou:c1", "acc:6", "mAcc", "aAcc"}) {
    const std::string folder = "run_" + metric.substr(0, 3) + metric.substr(metric.size() - 1);
    shell.succeed(kTrain + "-o " + folder + " --set best_metric=" + metric);
    const auto best = shell.tensors(folder + "/checkpoints/best.safetensors");
    BOOST_TEST(best->metadata().at("best_metric") == metric);
    BOOST_TEST(std::stod(best->metadata().at("best_value")) >= 0);
    BOOST_TEST(std::stod(best->metadata().at("best_value")) <= 1);
  }
  shell.fail(kTrain + "-o no --set best_metric=iou:c9", 1, {"best_metric=iou:c9", "iou:CLASS"});
  shell.fail(kTrain + "-o no --set best_metric=miou", 1, {"did you mean mIoU"});
  shell.fail(kTrain + "-o no --set best_metric=7", 2, {"\"best_metric\": must be a text, got 7"});
  BOOST_TEST(!shell.has("no"));
}

BOOST_AUTO_TEST_CASE(a_network_of_other_classes_begins_with_these_weights) {
  Shell shell;
  shell.succeed(kTrain + "-o seven");
  // As if the run had told three classes apart.
  const std::string file = "three.safetensors";
  rewrite(shell, "seven/checkpoints/epoch_2.safetensors", file,
          [](weights::NamedTensor& tensor, std::vector<float>& values) {
            Shape shape = tensor.desc.shape;
            if (shape.rank() > 0 && shape[0] == 7) {
              values.resize(values.size() / 7 * 3);
              shape[0] = 3;
              tensor = {tensor.name, TensorDesc::dense(DType::f32, shape), std::as_bytes(std::span(values))};
            }
            return true;
          });
  const std::string other = "grun train tiny.fb --dataset seven.json --seed 3 --threads 1 --max-iters 1 ";
  shell.fail(other + "-q -o no --weights " + file, 1, {"of another shape", "(3, "});
  BOOST_TEST(!shell.has("no"));
  shell.succeed(other + "-o seven_again --init " + file);
  BOOST_TEST(shell.text("err.txt").find("4 start anew") != std::string::npos, shell.text("err.txt"));
  BOOST_TEST(shell.text("err.txt").find(", in the file (3") != std::string::npos, shell.text("err.txt"));
  shell.fail(other + "-q -o no --init " + file + " --weights " + file, 2, {"exclude each other"});
  shell.fail(other + "-q -o no --key model", 2, {"--weights, which is missing"});
  rewrite(shell, file, "wide.safetensors", [](const weights::NamedTensor& tensor, auto&) {
    return tensor.name != "head.score_layer.1.weight";
  });
  shell.fail(other + "-q -o no --init wide.safetensors", 1, {"1 missing"});
}

BOOST_AUTO_TEST_CASE(frozen_tensors_stay) {
  Shell shell;
  shell.succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() +
                " -o frozen.fb -D width=8 --freeze 'pretrained.*' --lr-mult 'head.*=2'");
  shell.succeed("grun train frozen.fb --dataset seven.json --seed 3 --threads 1 -q -o run");
  shell.succeed("grun train frozen.fb --dataset seven.json --seed 3 --threads 1 -q -o start --max-iters 0");
  const auto after = shell.tensors("run/checkpoints/epoch_2.safetensors");
  const auto before = shell.tensors("start/checkpoints/interrupted.safetensors");
  std::size_t moved = 0;
  for (const weights::NamedTensor& tensor : before->tensors()) {
    const bool same = std::ranges::equal(tensor.bytes, after->find(tensor.name)->bytes);
    if (tensor.name.starts_with("pretrained.")) BOOST_TEST(same, tensor.name);
    moved += same ? 0 : 1;
  }
  BOOST_TEST(moved > 10U);
  shell.fail("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o no.fb --freeze 'backbone.*'", 2,
             {"--freeze backbone.*: no parameter has such a name"});
  shell.fail("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o no.fb --lr-mult head", 2,
             {"expected PATTERN=X"});
}

BOOST_AUTO_TEST_CASE(weights_without_a_meaning_are_refused) {
  Shell shell;
  shell.succeed(kTrain + "-o run --max-iters 6");
  const std::string good = "run/checkpoints/epoch_1.safetensors";
  const auto values_of = [](const std::string& name, std::size_t at, float value) {
    return [=](const weights::NamedTensor& tensor, std::vector<float>& values) {
      if (tensor.name == name) values[at] = value;
      return true;
    };
  };
  const std::string image = "x.npy";
  const std::vector<float> pixels(3 * 33 * 33, 0.5F);
  require_ok(weights::write_npy(shell.path(image), TensorDesc::dense(DType::f32, {1, 3, 33, 33}),
                                std::as_bytes(std::span(pixels))));
  const std::string run =
      "grun run run/model.fb --threads 1 --cache none -q --input x.npy --output y.npy --weights ";
  const auto file = shell.tensors(good);
  const std::string weight = "head.score_layer.0.weight";
  const std::string variance = "head.score_layer.1.running_var";
  BOOST_TEST_REQUIRE(file->find(weight) != nullptr);
  rewrite(shell, good, "nan.safetensors", values_of(weight, 5, NAN));
  shell.fail(run + "nan.safetensors", 1,
             {"tensor '" + weight + "' is NaN at (0, 0, 1, 2)", "nan.safetensors"});
  rewrite(shell, good, "inf.safetensors", values_of(weight, 0, INFINITY));
  shell.fail(run + "inf.safetensors", 1, {"is infinite at (0, 0, 0, 0)"});
  rewrite(shell, good, "negative.safetensors", values_of(variance, 1, -0.5F));
  shell.fail(run + "negative.safetensors", 1,
             {"tensor '" + variance + "' is -0.5", "which no variance can be"});
  rewrite(shell, good, "zero.safetensors", values_of(variance, 1, 0));
  shell.succeed(run + "zero.safetensors");
  BOOST_TEST(!shell.has("no"));
  shell.fail(kTrain + "-o no --weights nan.safetensors", 1, {"is NaN at"});
  std::vector<float> bad = pixels;
  bad[33 * 33 + 2] = NAN;
  require_ok(weights::write_npy(shell.path(image), TensorDesc::dense(DType::f32, {1, 3, 33, 33}),
                                std::as_bytes(std::span(bad))));
  shell.fail(run + good, 1, {"x.npy: the input is NaN at (0, 1, 0, 2)"});
}

BOOST_AUTO_TEST_CASE(heads_that_inference_does_not_use_may_be_missing) {
  Shell shell;
  shell.succeed(kTrain + "-o run --max-iters 6");
  rewrite(shell, "run/checkpoints/epoch_1.safetensors", "no_aux.safetensors",
          [](const weights::NamedTensor& tensor, auto&) { return !tensor.name.starts_with("auxlayer."); });
  shell.succeed(
      "grun eval run/model.fb --dataset seven.json --threads 1 --no-pictures --weights no_aux.safetensors");
  BOOST_TEST(
      shell.text("err.txt").find("tensors that inference does not use: auxlayer.") != std::string::npos,
      shell.text("err.txt"));
  shell.fail(kTrain + "-o no --weights no_aux.safetensors", 1, {"missing", "auxlayer."});
  rewrite(shell, "run/checkpoints/epoch_1.safetensors", "no_head.safetensors",
          [](const weights::NamedTensor& tensor, auto&) { return !tensor.name.starts_with("head."); });
  shell.fail("grun eval run/model.fb --dataset seven.json --no-pictures -q --weights no_head.safetensors", 1,
             {"missing", "head."});
}

BOOST_AUTO_TEST_CASE(what_is_in_a_checkpoint_is_shown) {
  Shell shell;
  const std::string forms = (kSource / "tests/weights/golden/forms/").string();
  shell.succeed("grun info " + forms + "timm.pth");
  const std::string text = shell.text("out.txt");
  for (const char* part : {"state_dict_ema", "conv.weight", "f32 (2, 3, 1, 1)", "7 tensors"})
    BOOST_TEST(text.find(part) != std::string::npos, part << " is not in: " << text);
}
