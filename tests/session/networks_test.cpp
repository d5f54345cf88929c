#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <ostream>

#include "runtime/core/random.h"
#include "runtime/session/session.h"
#include "tests/session/compiled.h"
#include "tests/skip.h"

// The full networks with random weights against themselves in f32 on the CPU: in bf16 there, in both on a
// GPU.
using namespace graphrun;
using namespace graphrun::test;
namespace data = boost::unit_test::data;

namespace {

struct Network {
  std::string name;
  std::vector<compiler::Definition> definitions{};
  std::int64_t h = 113, w = 129;
  double bf16 = 2e-2;  // how far its logits may be apart
};
std::ostream& operator<<(std::ostream& out, const Network& network) { return out << network.name; }

const std::vector<Network> kNetworks{{"spnet50"},
                                     {"pspnet50"},
                                     {"psanet50", {{"mask_h", 15}, {"mask_w", 17}}},
                                     {"fcn50"},
                                     {"pspnet50", {{"align_corners", 0}}},
                                     {"deeplabv3_resnet50"},
                                     {"lraspp_mobilenet_v3_large"},
                                     {"deeplabv3plus_resnet50", {}, 96, 128},
                                     {"unet_resnet34", {}, 96, 128},
                                     {"segformer_b0"},
                                     {"segformer_b2"},
                                     {"upernet_convnext_tiny"},
                                     {"ddrnet23_slim", {}, 96, 128},
                                     // Its branches are mixed by a sigmoid of sums over channels. With
                                     // weights as they are initialised these run into hundreds, and the
                                     // rounding of their terms decides between the branches.
                                     {"pidnet_s", {}, 96, 128, 8e-2},
                                     {"bisenetv2", {}, 96, 128}};

std::shared_ptr<const model::Program> program_of(const Network& network) {
  compiler::Compiled compiled = compiler::compile(kSource / "graphs" / (network.name + ".json"),
                                                  network.definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

// The same weights on any backend.
std::vector<std::vector<float>> logits(const Network& network,
                                       const std::shared_ptr<const model::Program>& program,
                                       const std::shared_ptr<model::Backend>& backend,
                                       const std::vector<DType>& precisions) {
  const auto weights = take(weights::Weights::initialise(*program, 7 + seed_offset(), backend));
  std::vector<float> image(static_cast<std::size_t>(3 * network.h * network.w));
  core::Random random(9 + seed_offset(), core::RandomPurpose::test);
  for (float& value : image) value = static_cast<float>(random.next_between(-2, 2));
  std::vector<std::vector<float>> results;
  for (const DType precision : precisions) {
    session::Session::Options options{.n = 1, .h = network.h, .w = network.w};
    options.precision = precision;
    const auto session = take(session::Session::create(program, weights, options));
    require_ok(session->set_input_nchw(image));
    require_ok(session->run());
    results.push_back(fetch(*backend, take(session->logits())));
  }
  return results;
}

}  // namespace

BOOST_TEST_DECORATOR(*needs("bf16"))
BOOST_DATA_TEST_CASE(logits_of_full_networks, data::make(kNetworks), network) {
  const std::shared_ptr<model::Backend> backend = test_backend();
  std::vector<DType> precisions;
  if (on_gpu()) precisions.push_back(DType::f32);
  if (backend->check_precision(DType::bf16).ok()) precisions.push_back(DType::bf16);
  if (precisions.empty()) return skip(backend->check_precision(DType::bf16).message());
  const auto program = program_of(network);
  const std::vector<float> exact =
      logits(network, program, take(ops::make_cpu_backend()), {DType::f32}).front();
  const auto found = logits(network, program, backend, precisions);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double apart = relative_distance(found[i], exact);
    BOOST_TEST_MESSAGE(network.name << " in " << to_string(precisions[i]) << ": " << apart);
    BOOST_TEST(apart < (precisions[i] == DType::f32 ? 1e-4 : network.bf16));
  }
}
