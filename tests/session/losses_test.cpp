#include <algorithm>
#include <fstream>
#include <numeric>

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

const weights::NamedTensor& tensor(const weights::TensorFile& file, const std::string& name) {
  const weights::NamedTensor* found = file.find(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, name);
  return *found;
}

void check_case(const LossCase& test, const weights::TensorFile& golden, bool fuse) {
  const Scratch folder;
  std::ofstream(folder / "net.json") << kGraph;
  compiler::Compiled compiled = compiler::compile(folder / "net.json", test.definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  const auto program = take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
  const auto weights = take(weights::Weights::initialise(*program, 1, test_backend()));
  model::Backend& backend = *weights->backend();
  for (const char* name : {"weight", "bias"}) {
    const TensorView to = weights->variable(static_cast<std::size_t>(
        program->model().variable("score." + std::string(name)) - program->model().variables.data()));
    store<std::byte>(backend, tensor(golden, name).bytes, to);
  }
  const auto session = take(session::TrainSession::create(program, weights, {2, kHeight, kWidth, fuse}));
  store_nchw(backend, floats(tensor(golden, "image")), session->image());
  store<std::byte>(backend, tensor(golden, "label").bytes, session->label());
  if (test.weighted) require_ok(session->set_class_weights(floats(tensor(golden, "class_weights"))));
  require_ok(session->compute({}));

  double expected[2];
  std::memcpy(expected, tensor(golden, "loss:" + test.name).bytes.data(), sizeof(expected));
  BOOST_TEST(std::abs(*session->scalar("main_loss") / expected[0] - 1) < bar(1e-6));
  const std::vector<double> totals = fetch<double>(backend, session->output("main_totals"));
  BOOST_TEST(std::abs(totals[0] / totals[1] / expected[0] - 1) < bar(1e-6));
  BOOST_TEST(std::abs(totals[1] / expected[1] - 1) < 1e-12);
  const auto apart = [&](const std::string& name) {
    return relative_distance(fetch(backend, session->gradient("score." + name)),
                             floats(tensor(golden, "g" + name + ":" + test.name)));
  };
  BOOST_TEST_MESSAGE(test.name << (fuse ? "" : ", parts") << ": loss from PyTorch's f64 "
                               << std::abs(*session->scalar("main_loss") / expected[0] - 1) << ", gradients "
                               << apart("weight") << ", " << apart("bias"));
  BOOST_TEST(apart("weight") < bar(1e-6));
  BOOST_TEST(apart("bias") < bar(1e-6));
  // What is left out of the loss is still counted.
  const auto confusion = fetch<std::int64_t>(backend, session->output("confusion"));
  const auto label = fetch<std::int32_t>(backend, session->label());
  BOOST_TEST(std::accumulate(confusion.begin(), confusion.end(), std::int64_t{0}) ==
             std::ssize(label) - std::ranges::count(label, 255));
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
