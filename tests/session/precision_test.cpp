#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/session/compiled.h"
#include "tests/skip.h"

// The same network computed in other ways: by the parts of composites, in bf16.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Network {
  std::string name;
  std::vector<compiler::Definition> definitions;
  std::string last_weight;
};

const Network kNetworks[] = {
    {"spnet_tiny", {{"width", 8}}, "head.score_layer.4.weight"},
    {"pspnet_tiny", {{"width", 8}}, "cls.4.weight"},
    {"psanet_tiny", {{"width", 8}, {"mask_h", 9}, {"mask_w", 9}}, "cls.4.weight"},
};

struct Loaded {
  std::shared_ptr<const model::Program> program;
  std::shared_ptr<weights::Weights> weights;
};

Loaded load(const Network& network) {
  compiler::Compiled compiled = compiler::compile(kSource / "graphs" / (network.name + ".json"),
                                                  network.definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  Loaded loaded{take(model::Program::make(*std::move(compiled.model), ops::op_registry())), nullptr};
  loaded.weights = take(weights::Weights::initialise(*loaded.program, 3, test_backend()));
  return loaded;
}

std::vector<float> logits(const Loaded& loaded, const session::Session::Options& options) {
  const auto session = take(session::Session::create(loaded.program, loaded.weights, options));
  const TensorView image = session->input();
  std::vector<float> pixels(static_cast<std::size_t>(image.desc.shape.count()));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>((i * 7919) % 201) / 100.0f - 1.0f;
  store<float>(*loaded.weights->backend(), pixels, image);
  require_ok(session->run());
  BOOST_TEST((take(session->logits()).desc.dtype == DType::f32));
  return fetch(*loaded.weights->backend(), take(session->logits()));
}

struct Trained {
  std::vector<double> losses;   // of each step
  std::vector<float> gradient;  // of the first step by the last convolution's weight
};

// Some steps with one batch.
Trained train(const Network& network, DType precision) {
  const Loaded loaded = load(network);
  Trained trained;
  const auto session = take(session::TrainSession::create(
      loaded.program, loaded.weights, {.n = 4, .h = 65, .w = 65, .precision = precision}));
  model::Backend& backend = *loaded.weights->backend();
  const auto classes = static_cast<std::int32_t>(session->output("confusion").desc.shape[0]);
  std::vector<std::int32_t> label(4 * 65 * 65);
  std::vector<float> image(3 * label.size());
  // Squares of the size of what the network sees at once: a class is a colour, under noise.
  for (std::size_t i = 0; i < label.size(); ++i) {
    const std::size_t square = i / (65 * 65) * 9 + i / 65 % 65 / 22 * 3 + i % 65 / 22;
    const auto color = static_cast<std::int32_t>(square * 7) % classes;
    label[i] = color;
    for (std::size_t c = 0; c < 3; ++c) {
      image[i * 3 + c] = static_cast<float>(static_cast<std::size_t>(color + 1) * (c + 2) % 5) - 2.0f +
                         static_cast<float>((i * 3 + c) * 7919 % 201) / 200.0f;
    }
  }
  store<float>(backend, image, session->image());
  store<std::int32_t>(backend, label, session->label());
  for (std::int64_t step = 0; step < 6; ++step) {
    require_ok(session->compute({0, step, 0}));
    trained.losses.push_back(*session->scalar("loss"));
    if (step == 0) trained.gradient = fetch(backend, session->gradient(network.last_weight));
    require_ok(session->update(0.01));
  }
  return trained;
}

// Says that the case is skipped where the device has no bf16.
bool is_without_bf16() {
  const Status status = test_backend()->check_precision(DType::bf16);
  if (!status.ok()) skip(status.message());
  return !status.ok();
}

}  // namespace

BOOST_AUTO_TEST_CASE(composites_give_what_their_parts_give) {
  for (const Network& network : kNetworks) {
    BOOST_TEST_CONTEXT(network.name) {
      const Loaded loaded = load(network);
      const std::vector<float> fused = logits(loaded, {.n = 2, .h = 65, .w = 81});
      const std::vector<float> parts = logits(loaded, {.n = 2, .h = 65, .w = 81, .fuse = false});
      BOOST_TEST(relative_distance(fused, parts) < bar(1e-5));
    }
  }
}

BOOST_AUTO_TEST_CASE(bf16_is_refused_where_the_cpu_has_none, *needs("no_bf16")) {
  if (test_backend()->check_precision(DType::bf16).ok()) return skip("this device has bf16");
  const Loaded loaded = load(kNetworks[0]);
  const Status status = session::Session::create(loaded.program, loaded.weights,
                                                 {.n = 1, .h = 33, .w = 33, .precision = DType::bf16})
                            .status();
  BOOST_TEST(status.message().find("no instructions for bf16") != std::string::npos, status.message());
  const Status training = session::TrainSession::create(loaded.program, loaded.weights,
                                                        {.n = 1, .h = 33, .w = 33, .precision = DType::bf16})
                              .status();
  BOOST_TEST(training.message() == status.message());
}

BOOST_AUTO_TEST_CASE(bf16_logits_are_near_those_of_f32, *needs("bf16")) {
  if (is_without_bf16()) return;
  for (const Network& network : kNetworks) {
    BOOST_TEST_CONTEXT(network.name) {
      const Loaded loaded = load(network);
      const std::vector<float> wide = logits(loaded, {.n = 2, .h = 65, .w = 81});
      for (const bool fuse : {true, false}) {
        session::Session::Options options{.n = 2, .h = 65, .w = 81, .fuse = fuse};
        options.precision = DType::bf16;
        const double distance = relative_distance(logits(loaded, options), wide);
        BOOST_TEST(distance < 2e-2);
        BOOST_TEST(distance > 1e-5);  // it did compute in bf16
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(training_in_bf16_goes_the_way_of_f32, *needs("bf16")) {
  if (is_without_bf16()) return;
  for (const Network& network : kNetworks) {
    BOOST_TEST_CONTEXT(network.name) {
      const Trained wide = train(network, DType::f32);
      const Trained narrow = train(network, DType::bf16);
      BOOST_TEST(std::abs(narrow.losses[0] / wide.losses[0] - 1) < 5e-3);
      // Noise as small as a bf16's last bit, in f32, moves the later losses of so few images as much.
      for (std::size_t step = 0; step < wide.losses.size(); ++step) {
        BOOST_TEST(std::abs(narrow.losses[step] / wide.losses[step] - 1) < 0.1, "step " << step);
      }
      BOOST_TEST(narrow.losses.back() < narrow.losses.front() - 0.1);
      const double distance = relative_distance(narrow.gradient, wide.gradient);
      BOOST_TEST(distance < 0.3);
      BOOST_TEST(distance > 1e-5);  // it did compute in bf16
    }
  }
}

// The weights keep forms for both, so that neither session reads the other's.
BOOST_AUTO_TEST_CASE(sessions_of_both_precisions_share_weights, *needs("bf16")) {
  if (is_without_bf16()) return;
  const Loaded loaded = load(kNetworks[1]);
  const session::Session::Options wide{.n = 1, .h = 33, .w = 49};
  session::Session::Options narrow = wide;
  narrow.precision = DType::bf16;
  const std::vector<float> first = logits(loaded, wide);
  const std::vector<float> second = logits(loaded, narrow);
  BOOST_TEST(same_bits(logits(loaded, wide), first));
  BOOST_TEST(same_bits(logits(loaded, narrow), second));
}

BOOST_AUTO_TEST_CASE(bf16_before_the_last_resize, *needs("bf16")) {
  if (is_without_bf16()) return;
  const Loaded loaded = load(kNetworks[1]);
  session::Session::Options options{.n = 1, .h = 33, .w = 49};
  options.low_res_logits = true;
  const std::vector<float> wide = logits(loaded, options);
  options.precision = DType::bf16;
  BOOST_TEST(relative_distance(logits(loaded, options), wide) < 2e-2);
}
