#include <fstream>

#include "runtime/session/layout.h"
#include "runtime/session/train_session.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"

// Class-weighted and hard-pixel losses with their gradients against PyTorch (tests/oracle/golden_losses.py).
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kHeight = 33;
constexpr std::int64_t kWidth = 41;

constexpr const char* kGraph = R"({
  "parameters": {
    "ohem": {"default": false, "structural": true}, "threshold": {"default": 0.7}, "min_kept": {"default": 100000}
  },
  "inputs": {"image": {"shape": ["N", 3, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
  "graph": [
    {"op": "conv2d", "as": "score", "out_channels": 7, "kernel": 3, "stride": 8, "padding": 1, "bias": true},
    {"op": "resize", "like": "image", "out": "logits"}
  ],
  "outputs": {"logits": "logits"},
  "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label", "ohem": "ohem",
                      "threshold": "threshold", "min_kept": "min_kept"}},
  "train": {"optimizer": {"op": "sgd"}}
})";

struct LossCase {
  std::string name;
  std::vector<compiler::Definition> definitions;
  bool weighted = false;
};

const NamedTensor& tensor(const TensorFile& file, const std::string& name) {
  const NamedTensor* found = file.find(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, name);
  return *found;
}

void check_case(const LossCase& test, const TensorFile& golden, bool fuse) {
  const Scratch folder;
  std::ofstream(folder / "net.json") << kGraph;
  compiler::Compiled compiled = compiler::compile(folder / "net.json", test.definitions, op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  const auto program = take(Program::make(*std::move(compiled.model), op_registry()));
  const auto weights = take(Weights::initialise(*program, 1, take(make_cpu_backend())));
  for (const char* name : {"weight", "bias"}) {
    const TensorView to = weights->variable(static_cast<std::size_t>(
        program->model().variable("score." + std::string(name)) - program->model().variables.data()));
    std::memcpy(to.data, tensor(golden, name).bytes.data(), tensor(golden, name).bytes.size());
  }
  const auto session = take(TrainSession::create(program, weights, {2, kHeight, kWidth, fuse}));
  nchw_to_nhwc(floats(tensor(golden, "image")), session->image());
  std::memcpy(session->label().data, tensor(golden, "label").bytes.data(),
              tensor(golden, "label").bytes.size());
  if (test.weighted) require_ok(session->set_class_weights(floats(tensor(golden, "class_weights"))));
  require_ok(session->compute({}));

  double expected[2];
  std::memcpy(expected, tensor(golden, "loss:" + test.name).bytes.data(), sizeof(expected));
  BOOST_TEST(std::abs(*session->scalar("main_loss") / expected[0] - 1) < 1e-6);
  const auto* totals = session->output("main_totals").as<double>();
  BOOST_TEST(std::abs(totals[0] / totals[1] / expected[0] - 1) < 1e-6);
  BOOST_TEST(std::abs(totals[1] / expected[1] - 1) < 1e-12);
  const auto apart = [&](const std::string& name) {
    return relative_distance(floats(session->gradient("score." + name)),
                             floats(tensor(golden, "g" + name + ":" + test.name)));
  };
  BOOST_TEST_MESSAGE(test.name << (fuse ? "" : ", parts") << ": loss from PyTorch's f64 "
                               << std::abs(*session->scalar("main_loss") / expected[0] - 1) << ", gradients "
                               << apart("weight") << ", " << apart("bias"));
  BOOST_TEST(apart("weight") < 1e-6);
  BOOST_TEST(apart("bias") < 1e-6);
  // What is left out of the loss is still counted.
  const TensorView confusion = session->output("confusion");
  std::int64_t counted = 0;
  for (std::int64_t i = 0; i < confusion.desc.shape.count(); ++i) counted += confusion.as<std::int64_t>()[i];
  const auto* label = session->label().as<std::int32_t>();
  const std::int64_t pixels = session->label().desc.shape.count();
  BOOST_TEST(counted == pixels - std::count(label, label + pixels, 255));
}

}  // namespace

BOOST_AUTO_TEST_CASE(losses_and_gradients_of_an_oracle) {
  const auto golden = open_tensors(kSource / "tests" / "golden" / "losses.safetensors");
  const std::vector<LossCase> cases{
      {"plain", {}, false},
      {"weighted", {}, true},
      {"ohem_threshold", {{"ohem", 1}, {"threshold", 0.2}, {"min_kept", 100}}, false},
      {"ohem_min_kept", {{"ohem", 1}, {"threshold", 0.05}, {"min_kept", 1500}}, false},
      {"ohem_weighted", {{"ohem", 1}, {"threshold", 0.2}, {"min_kept", 100}}, true}};
  for (const LossCase& test : cases) {
    for (const bool fuse : {true, false})
      BOOST_TEST_CONTEXT(test.name << (fuse ? "" : ", as its parts")) check_case(test, *golden, fuse);
  }
}
