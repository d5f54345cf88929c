#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "runtime/model/eight_bits.h"
#include "runtime/session/session_cache.h"
#include "runtime/weights/quantised_file.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/weights.h"
#include "tests/session/compiled.h"
#include "tests/skip.h"
#include "tests/weights/files.h"

// Weights in 8 bits as sessions and other readers meet them, and files that are not what they seem.
using namespace graphrun;
using namespace graphrun::test;
using weights::NamedTensor;

namespace {

// The golden network's start with its windows in s8, and a scale for every activation that a node gives.
struct Quantised {
  std::shared_ptr<const model::Program> program = tiny_program(0.1);
  std::shared_ptr<const weights::TensorFile> wide = open_tensors(kTiny / "start.safetensors");
  std::map<std::string, std::vector<std::int8_t>> integers;
  std::map<std::string, std::vector<float>> scales;
  std::map<std::string, std::string> metadata;

  Quantised() {
    for (const NamedTensor& tensor : wide->tensors()) {
      if (tensor.desc.shape.rank() != 4) continue;
      const std::span<const float> values = floats(tensor);
      const auto channels = static_cast<std::size_t>(tensor.desc.shape[0]);
      scales[tensor.name].assign(channels, 1.0F / 256);
      for (const float value : values)
        integers[tensor.name].push_back(static_cast<std::int8_t>(std::clamp(value * 256, -127.0F, 127.0F)));
    }
    weights::ActivationScales activations{{"image", {0.02F, 128}}};
    for (const Node& node : program->model().method(model::methods::kEval)->nodes)
      activations[node.path] = {0.05F, 0};
    metadata = weights::activation_metadata(activations);
  }

  std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> all;
    for (NamedTensor tensor : wide->tensors()) {
      if (const auto found = integers.find(tensor.name); found != integers.end()) {
        tensor.desc.dtype = DType::s8;
        tensor.bytes = std::as_bytes(std::span(found->second));
        all.push_back(named(tensor.name + ":scale", {tensor.desc.shape[0]}, scales.at(tensor.name)));
      }
      all.push_back(tensor);
    }
    weights::align_tensors(all);
    return all;
  }
  Result<std::shared_ptr<weights::Weights>> map(const Scratch& folder) const {
    return map(folder, tensors());
  }
  Result<std::shared_ptr<weights::Weights>> map(const Scratch& folder,
                                                std::span<const NamedTensor> all) const {
    ok(weights::write_safetensors(folder / "w.safetensors", all, metadata));
    return weights::Weights::map(*program, open_tensors(folder / "w.safetensors"), test_backend());
  }
  // What the integers stand for, as a file of f32.
  Result<std::shared_ptr<weights::Weights>> map_reals(const Scratch& folder) const {
    std::vector<NamedTensor> all(wide->tensors().begin(), wide->tensors().end());
    std::map<std::string, std::vector<float>> reals;
    for (NamedTensor& tensor : all) {
      const auto found = integers.find(tensor.name);
      if (found == integers.end()) continue;
      for (const std::int8_t integer : found->second)
        reals[tensor.name].push_back(static_cast<float>(integer) / 256);
      tensor.bytes = std::as_bytes(std::span(reals[tensor.name]));
    }
    ok(weights::write_safetensors(folder / "f.safetensors", all, {}));
    return weights::Weights::map(*program, open_tensors(folder / "f.safetensors"), test_backend());
  }

  std::vector<float> logits(const std::shared_ptr<weights::Weights>& weights, DType precision) const {
    const auto session =
        take(session::Session::create(program, weights, {.n = 1, .h = 33, .w = 41, .precision = precision}));
    std::vector<float> pixels(static_cast<std::size_t>(session->input().desc.shape.count()));
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<float>((i * 7919) % 201) / 100.0F - 1.0F;
    store<float>(*weights->backend(), pixels, session->input());
    require_ok(session->run());
    return fetch(*weights->backend(), take(session->logits()));
  }
};

bool has_bytes() {
  const Status status = model::check_precision(*test_backend(), DType::s8);
  if (!status.ok()) skip(status.message());
  return status.ok();
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_precision_takes_quantised_weights, *needs("host")) {
  const Quantised net;
  const Scratch folder;
  const auto narrow = take(net.map(folder));
  if (narrow->backend()->is_host())
    BOOST_TEST(narrow->bytes() == 0, "integers are widened before they are read");
  BOOST_TEST(same_bits(net.logits(narrow, DType::f32), net.logits(take(net.map_reals(folder)), DType::f32)));
  std::vector<std::byte> storage;
  for (const NamedTensor& tensor : take(narrow->snapshot(false, storage))) {
    if (net.integers.contains(tensor.name))
      BOOST_TEST(floats(tensor)[0] * 256 == net.integers.at(tensor.name)[0]);
  }
}

BOOST_AUTO_TEST_CASE(sessions_in_8_bits_are_planned_as_they_are, *needs("int8")) {
  if (!has_bytes()) return;
  const Quantised net;
  const Scratch folder;
  const auto weights = take(net.map(folder));
  session::SessionCache narrow(net.program, weights, {.precision = DType::s8});
  session::SessionCache wide(net.program, weights, {});
  const session::SessionCache::Size size{1, 33, 41};
  const session::MemoryRequirements memory = take(narrow.plan(size));
  BOOST_TEST(take(narrow.get(size))->arena_bytes() == memory.arena_bytes);
  BOOST_TEST(memory.arena_bytes != take(wide.plan(size)).arena_bytes);
  // Of the windows, which are integers where they are read in 8 bits, few are widened.
  std::int64_t all = 0;
  for (const auto& [name, values] : net.integers) all += std::ssize(values) * 4;
  BOOST_TEST(weights->bytes() * 4 < all);
  // Real numbers are refused before memory is reserved.
  session::SessionCache of_reals(net.program, take(net.map_reals(folder)), {.precision = DType::s8});
  check_contains(of_reals.plan(size).status().message(), "grun quantize");
  session::Session::Options options{.h = 33, .w = 41, .precision = DType::s8};
  const auto plan = [&] { return session::Session::plan(*net.program, *weights->backend(), options); };
  check_contains(plan().status().message(), "grun quantize");
  // A part of quantised weights may be empty: all is computed wide, as sensitivities are measured against.
  const weights::QuantisedValues nothing{std::vector<bool>(weights->quantised().variables.size(), false), {}};
  options.quantised = &nothing;
  require_ok(status_of(plan()));
  require_ok(status_of(session::Session::create(net.program, weights, options)));
}

// What is stored in bf16 in a quantised file stays so in the next one; other windows keep their values.
BOOST_AUTO_TEST_CASE(windows_that_are_wide_are_stored_as_they_are, *needs("host")) {
  Quantised net;
  const Scratch folder;
  const auto [first, second] = std::pair(net.integers.begin()->first, std::next(net.integers.begin())->first);
  std::vector<BFloat16> halves;
  for (const float value : floats(*net.wide->find(first))) halves.emplace_back(value);
  net.integers.erase(first);
  net.integers.erase(second);
  std::vector<NamedTensor> tensors = net.tensors();
  std::ranges::find(tensors, first, &NamedTensor::name)->desc.dtype = DType::bf16;
  std::ranges::find(tensors, first, &NamedTensor::name)->bytes = std::as_bytes(std::span(halves));
  weights::align_tensors(tensors);
  const auto weights = take(net.map(folder, tensors));
  const auto stored = [&](weights::WideMaps wide, const std::string& name) {
    std::vector<std::byte> storage;
    std::map<std::string, std::string> metadata;
    weights::NarrowTensors narrow;
    std::vector<NamedTensor> all = take(weights->snapshot(false, storage));
    weights::store_quantised(*weights, net.program->model(), wide, all, metadata, narrow);
    BOOST_TEST((metadata == net.metadata));
    return std::ranges::find(all, name, &NamedTensor::name)->desc.dtype;
  };
  BOOST_TEST((stored(weights::WideMaps::exact, first) == DType::bf16));
  BOOST_TEST((stored(weights::WideMaps::exact, second) == DType::f32));
  BOOST_TEST((stored(weights::WideMaps::rounded, second) == DType::bf16));
  BOOST_TEST((stored(weights::WideMaps::exact, net.integers.begin()->first) == DType::s8));
}

BOOST_AUTO_TEST_CASE(quantised_files_that_are_wrong_are_refused) {
  const Quantised net;
  const Scratch folder;
  const std::string name = net.integers.rbegin()->first;
  const auto refused = [&](const std::function<void(Quantised&)>& damage, const std::string& why) {
    Quantised other;
    damage(other);
    const std::string message = error_of(other.map(folder));
    check_contains(message, why);
  };
  for (const float scale : {0.0F, -0.5F, std::numeric_limits<float>::quiet_NaN(), 1e-45F, 3e38F,
                            std::numeric_limits<float>::infinity()}) {
    refused([&](Quantised& w) { w.scales.at(name)[1] = scale; }, "'" + name + ":scale'");
  }
  refused([](Quantised& w) { w.metadata["activation image"] = "0.5 256"; }, "'activation image'");
  refused([](Quantised& w) { w.metadata["activation image"] = "nan 0"; }, "'activation image'");
  refused([](Quantised& w) { w.metadata["activation imgae"] = "0.5 0"; }, "no such activation");
  const auto with = [&](const std::function<void(NamedTensor&)>& change) {
    std::vector<NamedTensor> tensors = net.tensors();
    change(*std::ranges::find(tensors, name + ":scale", &NamedTensor::name));
    return error_of(net.map(folder, tensors));
  };
  const std::string few = with([](NamedTensor& scale) {
    scale.bytes = scale.bytes.first(4);
    scale.desc = TensorDesc::dense(DType::f32, {1});
  });
  check_contains(few, "wrong type");
  check_contains(few, name);
  check_contains(with([](NamedTensor& scale) { scale.name = "elsewhere"; }), "wrong type");
  check_contains(
      with([](NamedTensor& scale) { scale.desc = TensorDesc::dense(DType::i32, scale.desc.shape); }),
      "wrong type");
}
