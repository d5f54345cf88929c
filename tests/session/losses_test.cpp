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

// A convolution to small logits, which are resized to the label's size, and a loss.
std::string graph_with(const std::string& loss, int channels, bool align_corners) {
  return R"({
  "parameters": {
    "ohem": {"default": false, "structural": true}, "threshold": {"default": 0.7}, "min_kept": {"default": 100000}
  },
  "inputs": {"image": {"shape": ["N", 3, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
  "graph": [
    {"op": "conv2d", "as": "score", "out_channels": )" +
         std::to_string(channels) + R"(, "kernel": 3, "stride": 8, "padding": 1, "bias": true},
    {"op": "resize", "like": "image", "align_corners": )" +
         std::to_string(align_corners ? 1 : 0) + R"(, "out": "logits"}
  ],
  "outputs": {"logits": "logits"},
  "losses": {"main": {"logits": "logits", "label": "label", )" +
         loss + R"(}},
  "train": {"optimizer": {"op": "sgd"}}
})";
}

constexpr const char* kCrossEntropy =
    R"("op": "cross_entropy", "ohem": "ohem", "threshold": "threshold", "min_kept": "min_kept")";

struct LossCase {
  std::string name;
  std::vector<compiler::Definition> definitions{};
  bool weighted = false;
  std::string loss = kCrossEntropy;
  int channels = 7;
  // Of the gradients. Errors that lovasz_softmax counts in one bin have one weight, where the oracle sorts
  // them.
  double gradient_bar = 1e-6;
  bool has_totals = true;  // two, and a confusion matrix
};

const weights::NamedTensor& tensor(const weights::TensorFile& file, const std::string& name) {
  const weights::NamedTensor* found = file.find(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, name);
  return *found;
}

void check_case(const LossCase& test, const weights::TensorFile& golden, bool fuse) {
  const Scratch folder;
  std::ofstream(folder / "net.json") << graph_with(test.loss, test.channels, true);
  compiler::Compiled compiled = compiler::compile(folder / "net.json", test.definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  const auto program = take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
  const auto weights = take(weights::Weights::initialise(*program, 1, test_backend()));
  model::Backend& backend = *weights->backend();
  for (const char* name : {"weight", "bias"}) {
    const TensorView to = weights->variable(static_cast<std::size_t>(
        program->model().variable("score." + std::string(name)) - program->model().variables.data()));
    // The first channels of the golden's.
    const auto bytes = std::span(tensor(golden, name).bytes).first(static_cast<std::size_t>(to.desc.bytes()));
    store<std::byte>(backend, bytes, to);
  }
  const auto session = take(session::TrainSession::create(program, weights, {2, kHeight, kWidth, fuse}));
  store_nchw(backend, floats(tensor(golden, "image")), session->image());
  const weights::NamedTensor* const own = golden.find("label:" + test.name);
  store<std::byte>(backend, (own != nullptr ? *own : tensor(golden, "label")).bytes, session->label());
  if (test.weighted) require_ok(session->set_class_weights(floats(tensor(golden, "class_weights"))));
  require_ok(session->compute({}));

  double expected[2];
  std::memcpy(expected, tensor(golden, "loss:" + test.name).bytes.data(), sizeof(expected));
  BOOST_TEST(std::abs(*session->scalar("main_loss") / expected[0] - 1) < bar(1e-6));
  if (test.has_totals) {
    const std::vector<double> totals = fetch<double>(backend, session->output("main_totals"));
    BOOST_TEST(std::abs(totals[0] / totals[1] / expected[0] - 1) < bar(1e-6));
    BOOST_TEST(std::abs(totals[1] / expected[1] - 1) < 1e-12);
  }
  const auto apart = [&](const std::string& name) {
    return relative_distance(fetch(backend, session->gradient("score." + name)),
                             floats(tensor(golden, "g" + name + ":" + test.name)));
  };
  BOOST_TEST_MESSAGE(test.name << (fuse ? "" : ", parts") << ": loss from PyTorch's f64 "
                               << std::abs(*session->scalar("main_loss") / expected[0] - 1) << ", gradients "
                               << apart("weight") << ", " << apart("bias"));
  BOOST_TEST(apart("weight") < bar(test.gradient_bar));
  BOOST_TEST(apart("bias") < bar(test.gradient_bar));
  if (test.channels == 1) return;
  // What is left out of the loss is still counted.
  const auto confusion = fetch<std::int64_t>(backend, session->output("confusion"));
  const auto label = fetch<std::int32_t>(backend, session->label());
  BOOST_TEST(std::accumulate(confusion.begin(), confusion.end(), std::int64_t{0}) ==
             std::ssize(label) - std::ranges::count(label, 255));
}

}  // namespace

BOOST_AUTO_TEST_CASE(losses_and_gradients_of_an_oracle) {
  const auto golden = open_tensors(kSource / "tests" / "golden" / "losses.safetensors");
  const auto region = [](const char* name, const char* loss, double gradient_bar = 1e-6) {
    LossCase test{name, {}, false, loss};
    test.has_totals = false;
    test.gradient_bar = gradient_bar;
    return test;
  };
  LossCase boundary = region("boundary", R"("op": "boundary", "width": 4)");
  boundary.channels = 1;
  const std::string smoothed = R"("op": "cross_entropy", "label_smoothing": 0.1)";
  const std::string focal = R"("op": "focal", "gamma": 2)";
  const std::vector<LossCase> cases{
      {"plain"},
      {"weighted", {}, true},
      {"ohem_threshold", {{"ohem", 1}, {"threshold", 0.2}, {"min_kept", 100}}},
      {"ohem_min_kept", {{"ohem", 1}, {"threshold", 0.05}, {"min_kept", 1500}}},
      {"ohem_weighted", {{"ohem", 1}, {"threshold", 0.2}, {"min_kept", 100}}, true},
      {"smoothed", {}, false, smoothed},
      {"smoothed_weighted", {}, true, smoothed},
      {"focal", {}, false, focal},
      {"focal_weighted", {}, true, focal},
      region("dice", R"("op": "dice")"),
      region("dice_smooth", R"("op": "dice", "smooth": 10)"),
      region("tversky", R"("op": "tversky", "alpha": 0.3, "beta": 0.7, "gamma": 0.75)"),
      region("lovasz", R"("op": "lovasz_softmax")", 5e-4),
      boundary};
  for (const LossCase& test : cases) {
    for (const bool fuse : {true, false})
      BOOST_TEST_CONTEXT(test.name << (fuse ? "" : ", as its parts")) check_case(test, *golden, fuse);
  }
}
