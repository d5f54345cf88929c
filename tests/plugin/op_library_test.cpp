#include <boost/test/unit_test.hpp>
#include <fstream>

#include "compiler/compile.h"
#include "graphrun/kernel/op_module.h"
#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/core/random.h"
#include "runtime/plugin/op_libraries.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/datasets/scratch.h"
#include "tests/plugin/graph.h"

// Ops and kernels that are opened from a shared object.
using namespace graphrun;
using namespace graphrun::test;

namespace {

template <class T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.status().message()));
  return *std::move(result);
}
template <class T>
std::string error_of(const Result<T>& result) {
  return result.ok() ? "" : result.status().message();
}

struct Opened {
  std::shared_ptr<const OpRegistry> registry;
  std::shared_ptr<model::Backend> backend;
  std::shared_ptr<const model::Program> program;
};

// Only registry and backend keep the library.
Opened open_all() {
  const OpLibraries libraries{take(plugin::open_op_library(kTestOps))};
  Opened opened;
  opened.registry = take(ops::op_registry_with(libraries));
  opened.backend = take(ops::make_cpu_backend(1, ops::with_training_kernels(libraries)));
  const Scratch folder;
  std::ofstream(folder / "net.json") << kGraphOfTestOps;
  compiler::Compiled compiled = compiler::compile(folder / "net.json", {}, *opened.registry);
  BOOST_TEST_REQUIRE(compiled.errors == "");
  opened.program = take(model::Program::make(*std::move(compiled.model), *opened.registry));
  return opened;
}

constexpr std::int64_t kSize = 9;

void fill(const TensorView& image) {
  core::Random random(1, core::RandomPurpose::test);
  for (std::int64_t i = 0; i < image.desc.shape.count(); ++i)
    image.as<float>()[i] = static_cast<float>(random.next_between(-2, 2));
}

class Kernels final : public session::StepObserver {
 public:
  void before(const session::StepView&) override {}
  void after(const session::StepView& step) override {
    names[std::string(step.def.name)] = step.kernel;
    operations[std::string(step.def.name)] += step.operations;
  }
  std::map<std::string, std::string> names;
  std::map<std::string, double> operations;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_library_brings_ops_and_kernels) {
  const Opened opened = open_all();
  BOOST_TEST(opened.registry->library_of("softsign")->name == "test ops");
  BOOST_TEST(opened.registry->library_of("conv2d")->name == "graphrun");
  BOOST_TEST(opened.registry->library_of("nothing") == nullptr);
  // Its kernels come before the backend's own, those for other devices not at all.
  const std::vector<KernelEntry> candidates = opened.backend->candidates("relu");
  BOOST_TEST_REQUIRE(candidates.size() >= 2U);
  BOOST_TEST(candidates[0].name == "stranger");
  BOOST_TEST(candidates[1].name != "elsewhere");

  const auto weights = take(weights::Weights::initialise(*opened.program, 1, opened.backend));
  const auto session =
      take(session::Session::create(opened.program, weights, {.n = 1, .h = kSize, .w = kSize}));
  fill(session->input());
  Kernels kernels;
  BOOST_TEST(session->run(&kernels).ok());
  BOOST_TEST(kernels.names["softsign"] == "softsign");
  BOOST_TEST(kernels.names["relu"] == "strangers relu");
  BOOST_TEST(kernels.operations["softsign"] == 2.0 * 8 * kSize * kSize);
  BOOST_TEST(kernels.operations["conv2d"] == 2.0 * kSize * kSize * (8 * 27 + 7 * 8));
}

BOOST_AUTO_TEST_CASE(a_strangers_loss_and_activation_are_trained) {
  const Opened opened = open_all();
  const auto weights = take(weights::Weights::initialise(*opened.program, 1, opened.backend));
  const auto session =
      take(session::TrainSession::create(opened.program, weights, {.n = 2, .h = kSize, .w = kSize}));
  const auto loss = [&]() {
    fill(session->image());
    for (std::int64_t i = 0; i < session->label().desc.shape.count(); ++i)
      session->label().as<std::int32_t>()[i] = static_cast<std::int32_t>(i % 7);
    BOOST_REQUIRE(session->compute({}).ok());
    return take(session->scalar("loss"));
  };
  // The gradient is what the losses change by.
  const double before = loss();
  const auto index = static_cast<std::size_t>(opened.program->model().variable("a.weight") -
                                              opened.program->model().variables.data());
  float& weight = weights->variable(index).as<float>()[5];
  const double gradient = session->gradient("a.weight").as<float>()[5];
  constexpr float kStep = 1e-2F;
  weight += kStep;
  weights->touch();
  const double above = loss();
  weight -= 2 * kStep;
  weights->touch();
  const double below = loss();
  BOOST_TEST(std::abs((above - below) / (2 * kStep) - gradient) < 2e-2 * std::abs(gradient) + 1e-4);
  for (int step = 0; step < 20; ++step) {
    loss();
    BOOST_REQUIRE(session->update(0.1).ok());
  }
  BOOST_TEST(loss() < before);
}

BOOST_AUTO_TEST_CASE(what_is_no_op_library_is_refused) {
  BOOST_TEST(error_of(plugin::open_op_library("nowhere.so")).find("nowhere.so: there is no such file") == 0U);
  const Scratch folder;
  std::ofstream(folder / "text.so") << "no code";
  const auto text = plugin::open_op_library((folder / "text.so").string());
  BOOST_TEST_REQUIRE(!text.ok());
  BOOST_TEST((text.status().code() == ErrorCode::invalid_file));
  const std::string none = error_of(plugin::open_op_library(GRAPHRUN_BINARY_DIR "/lib/test/no_ops.so"));
  BOOST_TEST(none.find("no op library of graphrun") != std::string::npos, none);
}

BOOST_AUTO_TEST_CASE(a_library_of_other_headers_is_refused_unread) {
  const auto stale = plugin::open_op_library(kStaleOps);
  BOOST_TEST_REQUIRE(!stale.ok());
  BOOST_TEST((stale.status().code() == ErrorCode::unsupported));
  const std::string& message = stale.status().message();
  BOOST_TEST(message.find("0123456789abcdef") != std::string::npos, message);
  BOOST_TEST(message.find(kKernelHeaders) != std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(two_ops_of_one_name_are_refused) {
  const auto library = take(plugin::open_op_library(kTestOps));
  const std::string twice = error_of(ops::op_registry_with({library, library}));
  BOOST_TEST(twice.find("softsign is in two op libraries, test ops and test ops") != std::string::npos,
             twice);
  static const OpDef* const kMine[] = {ops::op_registry().find("conv2d")};
  const OpLibrary mine{.name = "mine", .ops = kMine};
  const std::string own = error_of(ops::op_registry_with({borrow(mine)}));
  BOOST_TEST(own.find("conv2d is in two op libraries, graphrun and mine") != std::string::npos, own);
}

BOOST_AUTO_TEST_CASE(a_device_of_inference_names_the_library_of_training) {
  const Opened opened = open_all();
  const auto backend = take(ops::make_cpu_backend(1, {take(plugin::open_op_library(kTestOps))}));
  const auto weights = take(weights::Weights::initialise(*opened.program, 1, backend));
  BOOST_TEST(session::Session::create(opened.program, weights, {.n = 1, .h = kSize, .w = kSize}).ok());
  const std::string error =
      error_of(session::TrainSession::create(opened.program, weights, {.n = 1, .h = kSize, .w = kSize}));
  BOOST_TEST(error.find("in libgraphrun_training") != std::string::npos, error);
}

BOOST_AUTO_TEST_CASE(an_op_without_inference_is_refused) {
  static const OpDef kEmpty{.name = "empty", .doc = "", .inputs = {}, .outputs = {}, .attrs = {}};
  static const OpDef* const kMine[] = {&kEmpty};
  const OpLibrary mine{.name = "mine", .ops = kMine};
  const std::string error = error_of(ops::op_registry_with({borrow(mine)}));
  BOOST_TEST(error.find("op library mine: the op empty has no infer function") != std::string::npos, error);
}

// A kernel may carry state of the program that brings it.
BOOST_AUTO_TEST_CASE(a_program_brings_a_kernel_with_state) {
  int asked = 0;
  const KernelEntry counting[] = {{"relu", "counting",
                                   [&asked](const KernelRequest&) -> Result<std::unique_ptr<Kernel>> {
                                     ++asked;
                                     return {ErrorCode::declined, "it only counts"};
                                   },
                                   "cpu"}};
  const OpLibrary mine{.name = "mine", .ops = {}, .kernels = counting};
  OpLibraries libraries{take(plugin::open_op_library(kTestOps)), borrow(mine)};
  const Opened opened = open_all();
  const auto backend = take(ops::make_cpu_backend(1, {borrow(mine)}));
  const auto candidates = backend->candidates("relu");
  BOOST_TEST(candidates[0].name == "counting");
  const auto weights = take(weights::Weights::initialise(*opened.program, 1, backend));
  // softsign's kernels are another library's.
  const auto session = session::Session::create(opened.program, weights, {.n = 1, .h = kSize, .w = kSize});
  BOOST_TEST_REQUIRE(!session.ok());
  BOOST_TEST(session.status().message().find("softsign") != std::string::npos, session.status().message());
  const auto both = take(ops::make_cpu_backend(1, {borrow(mine), libraries[0]}));
  const auto other = take(weights::Weights::initialise(*opened.program, 1, both));
  BOOST_TEST(session::Session::create(opened.program, other, {.n = 1, .h = kSize, .w = kSize}).ok());
  BOOST_TEST(asked == 1);
}
