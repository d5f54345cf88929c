#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <ostream>

#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/session/compiled.h"

// Model files that a program of format version 1 wrote (tests/golden/version1) against the same graphs
// compiled now: the same bits.
using namespace graphrun;
using namespace graphrun::test;
namespace data = boost::unit_test::data;

namespace {

struct Old {
  std::string name;
  std::vector<compiler::Definition> definitions;
  std::int64_t size;
  std::string images;
};
std::ostream& operator<<(std::ostream& out, const Old& old) { return out << old.name; }

const std::vector<Old> kOld{
    {"spnet_tiny", {{"width", 8}}, 65, "spnet_tiny"},
    {"pspnet_tiny", {{"width", 2}, {"classes", 3}}, 33, "pspnet_tiny"},
    {"psanet_tiny", {{"width", 2}, {"classes", 3}, {"mask_h", 5}, {"mask_w", 5}}, 33, "pspnet_tiny"}};

const std::filesystem::path kGolden = kSource / "tests" / "golden";

std::shared_ptr<const model::Program> load(const std::string& name) {
  return take(model::Program::load((kGolden / "version1" / (name + ".fb")).string(), ops::op_registry()));
}

std::shared_ptr<const model::Program> compile_now(const std::string& name,
                                                  const std::vector<compiler::Definition>& definitions) {
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / (name + ".json"), definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

std::vector<float> logits(const Old& old, const std::shared_ptr<const model::Program>& program) {
  const auto weights = take(weights::Weights::map(
      *program, open_tensors(kGolden / old.name / "start.safetensors"), test_backend()));
  const auto session = take(session::Session::create(program, weights, {1, old.size, old.size}));
  weights::NpyArray image = take(weights::read_npy((kGolden / old.images / "image.npy").string()));
  require_ok(session->set_input_nchw(floats(image).first(static_cast<std::size_t>(3 * old.size * old.size))));
  require_ok(session->run());
  return fetch(*weights->backend(), take(session->logits()));
}

// Losses of two steps, and a parameter afterwards.
std::vector<float> training(const Old& old, const std::shared_ptr<const model::Program>& program) {
  const auto weights = take(weights::Weights::initialise(*program, 0, test_backend()));
  take(weights->load(*open_tensors(kGolden / old.name / "start.safetensors")));
  const auto session = take(session::TrainSession::create(program, weights, {2, old.size, old.size}));
  require_ok(session->check_supervised());
  weights::NpyArray image = take(weights::read_npy((kGolden / old.images / "image.npy").string()));
  const weights::NpyArray label = take(weights::read_npy((kGolden / old.images / "label.npy").string()));
  model::Backend& backend = *weights->backend();
  std::vector<float> result;
  for (int step = 0; step < 2; ++step) {
    store_nchw(backend, floats(image), session->image());
    store<std::byte>(backend, label.bytes, session->label());
    require_ok(session->compute({7, step, 0}));
    for (const std::string_view role : {model::roles::kLoss, model::roles::kMainLoss, model::roles::kAuxLoss})
      result.push_back(static_cast<float>(take(session->scalar_of(role))));
    require_ok(session->update(0.01));
  }
  const std::vector<float> first = fetch(backend, weights->variable(0));
  result.insert(result.end(), first.begin(), first.end());
  return result;
}

void check_signature(const model::Signature& actual, const model::Signature& expected) {
  const auto same = [](const std::vector<model::Port>& a, const std::vector<model::Port>& b) {
    BOOST_TEST_REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      BOOST_TEST(a[i].name == b[i].name);
      BOOST_TEST(a[i].role == b[i].role);
      BOOST_TEST(a[i].head == b[i].head);
      BOOST_TEST((a[i].channels == b[i].channels));
      BOOST_TEST((a[i].classes == b[i].classes));
    }
  };
  same(actual.inputs, expected.inputs);
  same(actual.outputs, expected.outputs);
}

}  // namespace

BOOST_DATA_TEST_CASE(a_file_of_version_1_gives_the_same_bits, data::make(kOld), old) {
  const auto before = load(old.name);
  const auto now = compile_now(old.name, old.definitions);
  check_signature(before->model().signature, now->model().signature);
  BOOST_TEST(same_bits(logits(old, before), logits(old, now)));
  BOOST_TEST(same_bits(training(old, before), training(old, now)));
}

BOOST_AUTO_TEST_CASE(the_model_of_a_run_of_version_1) {
  const auto before = load("spnet_tiny_run");
  const model::Model& model = before->model();
  BOOST_TEST(model.name == "spnet_tiny");
  BOOST_TEST(model.class_names.size() == 7u);
  BOOST_TEST(model.palette.size() == 21u);
  BOOST_TEST(model.settings.contains("test_h"));
  BOOST_TEST(!model.protocol.has_value());
  const auto now = take(compile_now("spnet_tiny", {{"width", 8}})->bind({{"classes", 7}}));
  check_signature(model.signature, now->model().signature);
  const auto run = [](const std::shared_ptr<const model::Program>& program) {
    const auto weights = take(weights::Weights::initialise(*program, 9, test_backend()));
    const auto session = take(session::Session::create(program, weights, {1, 33, 41}));
    const std::vector<float> image(3 * 33 * 41, 0.5F);
    require_ok(session->set_input_nchw(image));
    require_ok(session->run());
    return fetch(*weights->backend(), take(session->logits()));
  };
  BOOST_TEST(same_bits(run(before), run(now)));
}

// The size of masks, which programs knew, is an expression in the model now.
BOOST_AUTO_TEST_CASE(masks_of_version_1_follow_the_crop_as_they_did) {
  const auto parameter = [](const model::Program& program, std::string_view name) {
    return *std::ranges::find(program.model().parameters, name, &model::GraphParameter::name);
  };
  const auto crop = [](std::int64_t side) {
    return [side](std::string_view) { return std::optional(Number(Dim(side))); };
  };
  const model::GraphParameter chosen = parameter(*load("psanet_tiny"), "mask_h");
  BOOST_TEST(chosen.value == 5);
  BOOST_TEST(chosen.chosen);
  const model::GraphParameter compact = parameter(*load("psanet_tiny_compact"), "mask_w");
  BOOST_TEST(compact.value == 31);
  BOOST_TEST(!compact.chosen);
  BOOST_TEST(take(evaluate_real(compact.from, crop(241))) == 16);
  const model::GraphParameter now = parameter(*compile_now("psanet_tiny", {}), "mask_w");
  BOOST_TEST(now.value == 31);
  BOOST_TEST(!now.chosen);
  BOOST_TEST(parameter(*compile_now("psanet_tiny", {{"compact", 1}}), "mask_w").value == 16);
  BOOST_TEST(parameter(*compile_now("psanet_tiny", {{"mask_w", 9}}), "mask_w").chosen);
  BOOST_TEST(!parameter(*compile_now("psanet_tiny", {{"mask_w", 31}}), "mask_w").chosen);
  BOOST_TEST(parameter(*compile_now("psanet50", {}), "mask_h").value == 59);
}
