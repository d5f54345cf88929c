#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/core/random.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "runtime/weights/safetensors.h"
#include "tests/datasets/scratch.h"
#include "tests/session/allocations.h"
#include "tests/session/compiled.h"
#include "tests/skip.h"

// What programs that embed the runtime rely on.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Loaded {
  std::shared_ptr<const model::Program> program = tiny_program(0.1);
  std::shared_ptr<weights::Weights> weights =
      take(weights::Weights::map(*program, open_tensors(kTiny / "start.safetensors"), test_backend()));
};

std::vector<float> random_pixels(const TensorView& image, std::uint32_t seed) {
  core::Random random(seed, core::RandomPurpose::test);
  std::vector<float> values(static_cast<std::size_t>(image.desc.shape.count()));
  for (float& value : values) value = static_cast<float>(random.next_between(-2, 2));
  return values;
}

void fill(model::Backend& backend, const TensorView& image, std::uint32_t seed) {
  store<float>(backend, random_pixels(image, seed), image);
}

// Logits of `runs` runs at a size, one after the other; fewer after an error. It runs on threads, so that it
// must not assert: Boost.Test counts on one.
std::vector<std::vector<float>> logits_at(const Loaded& loaded, std::int64_t n, std::int64_t h,
                                          std::int64_t w, int runs) {
  std::vector<std::vector<float>> results;
  const auto session = session::Session::create(loaded.program, loaded.weights, {n, h, w});
  if (!session.ok()) return results;
  model::Backend& backend = *loaded.weights->backend();
  const TensorView image = (*session)->input();
  const std::vector<float> pixels = random_pixels(image, static_cast<std::uint32_t>(h));
  if (!backend.copy_to_device(image.data, pixels.data(), image.desc.bytes()).ok()) return results;
  for (int i = 0; i < runs; ++i) {
    if (!(*session)->run().ok()) return results;
    const Result<TensorView> logits = (*session)->logits();
    if (!logits.ok()) return results;
    std::vector<float> values(static_cast<std::size_t>(logits->desc.shape.count()));
    if (!backend.copy_to_host(values.data(), logits->data, logits->desc.bytes()).ok()) return results;
    results.push_back(std::move(values));
  }
  return results;
}

bool says(const Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

struct Steps {
  std::vector<float> losses;
  std::vector<float> values;  // of all parameters afterwards
};

// Returns the labels.
std::vector<std::int32_t> random_batch(model::Backend& backend, const session::TrainSession& session) {
  fill(backend, session.image(), 7);
  core::Random random(8, core::RandomPurpose::test);
  std::vector<std::int32_t> label(static_cast<std::size_t>(session.label().desc.shape.count()));
  for (std::int32_t& value : label) value = static_cast<std::int32_t>(random.next_below(11));
  store<std::int32_t>(backend, label, session.label());
  return label;
}

Steps three_steps(std::int64_t seed) {
  const auto program = tiny_program(0.3);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto session = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  Steps result;
  for (int step = 0; step < 3; ++step) {
    random_batch(*weights->backend(), *session);
    require_ok(session->compute({seed, step, 0}));
    result.losses.push_back(static_cast<float>(*session->scalar("loss")));
    require_ok(session->update(0.01));
  }
  std::vector<std::byte> storage;
  for (const weights::NamedTensor& tensor : take(weights->snapshot(true, storage)))
    result.values.insert(result.values.end(), floats(tensor).begin(), floats(tensor).end());
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(threads_share_program_and_weights) {
  const auto alone_small = logits_at(Loaded(), 1, 33, 41, 1);
  const auto alone_large = logits_at(Loaded(), 2, 65, 49, 1);
  const Loaded shared;
  std::vector<std::vector<float>> small, large;
  std::thread first([&] { small = logits_at(shared, 1, 33, 41, 10); });
  std::thread second([&] { large = logits_at(shared, 2, 65, 49, 10); });
  first.join(), second.join();
  BOOST_TEST_REQUIRE(small.size() == 10u);
  BOOST_TEST_REQUIRE(large.size() == 10u);
  for (const auto& logits : small) BOOST_TEST(same_bits(logits, alone_small.at(0)));
  for (const auto& logits : large) BOOST_TEST(same_bits(logits, alone_large.at(0)));
}

BOOST_AUTO_TEST_CASE(parameters_are_bound_to_what_they_are) {
  const auto program = tiny_program(0.1);
  BOOST_TEST(take(program->bind({{"classes", 11}})) == program);
  const auto other = take(program->bind({{"classes", 7}}));
  BOOST_TEST(other != program);
  BOOST_TEST(take(program->bind({{"classes", 11}})) == program);
  BOOST_TEST(!program->bind({{"clases", 11}}).ok());
}

BOOST_AUTO_TEST_CASE(a_size_that_the_model_refuses) {
  const Loaded loaded;
  const auto session = session::Session::create(loaded.program, loaded.weights, {1, 8, 64});
  BOOST_REQUIRE(!session.ok());
  BOOST_TEST(says(session.status(), "min(H, W) >= 16"), session.status().message());
  BOOST_TEST(says(session.status(), "the backbone works at an eighth"), session.status().message());
}

BOOST_AUTO_TEST_CASE(a_size_beyond_what_a_tensor_may_have) {
  const Loaded loaded;
  const auto session = session::Session::create(loaded.program, loaded.weights, {1000, 9700, 9700});
  BOOST_REQUIRE(!session.ok());
  BOOST_TEST((session.status().code() == ErrorCode::shape));
  BOOST_TEST(says(session.status(), "image: f32 (1000, 3, 9700, 9700) needs more than"),
             session.status().message());
}

BOOST_AUTO_TEST_CASE(spans_of_another_size_than_the_tensor) {
  const Loaded loaded;
  const auto session = take(session::Session::create(loaded.program, loaded.weights, {1, 33, 41}));
  std::vector<float> image(3 * 33 * 41 - 1);
  const Status set = session->set_input_nchw(image);
  BOOST_TEST(says(set, "expected 4059 numbers for (1, 3, 33, 41), got 4058"), set.message());
  const Status get = session->get_output_nchw("logits", image);
  BOOST_TEST(says(get, "got 4058"), get.message());
}

BOOST_AUTO_TEST_CASE(outputs_that_are_not_what_their_names_promise) {
  const Loaded loaded;
  // The named output becomes the first value of the method that a node writes.
  const auto bent = [&](std::size_t method, std::string_view name) {
    model::Model model = loaded.program->model();
    model::Method& changed = model.methods[method];
    std::ranges::find(changed.outputs, name, &model::NamedValue::name)->value = changed.nodes[0].outputs[0];
    return model::Program::make(std::move(model), ops::op_registry());
  };
  const auto index = [&](std::string_view name) {
    const model::Model& model = loaded.program->model();
    return static_cast<std::size_t>(model.method(name) - model.methods.data());
  };
  const Status eval = bent(index("eval"), "logits").status();
  BOOST_TEST(says(eval, "signature: output \"logits\" of eval: channels: expected 11, got 8"),
             eval.message());
  const Status train = bent(index("train"), "confusion").status();
  BOOST_TEST(says(train, "signature: output \"confusion\" of train: expected i64 of rank 2, got f32 (N, 8, "),
             train.message());
}

BOOST_AUTO_TEST_CASE(an_optimiser_step_on_weights_that_are_mapped, *needs("host")) {
  if (on_gpu()) return skip("weights are copied to a GPU, never mapped");
  const Loaded loaded;
  model::Model model = loaded.program->model();
  const auto number = model.method("update") - model.methods.data();
  model::Method& update = model.methods[static_cast<std::size_t>(number)];
  // One step whose momentum is another parameter of the same shape, so that all it writes is in the file.
  const model::Method old = update;
  Node step = old.nodes[0];
  const auto value = [&](std::size_t input) {
    return old.values[static_cast<std::size_t>(step.inputs[input])];
  };
  const auto shape = [&](std::size_t input) {
    return model.variables[static_cast<std::size_t>(value(input).index)].shape;
  };
  const std::size_t count = (step.inputs.size() - 1) / 3;
  std::size_t other = 2;
  while (other < count && shape(other) != shape(1)) ++other;
  BOOST_TEST_REQUIRE((shape(other) == shape(1)));
  update.values = {value(0), value(1), value(1 + count), value(other)};
  step.inputs = {0, 1, 2, 3};
  update.nodes = {step};
  const auto program = take(model::Program::make(std::move(model), ops::op_registry()));
  float memory = 0;  // of gradients that nobody computes
  const std::vector<TensorView> gradients(program->model().variables.size(), TensorView{{}, &memory});
  const Status status = session::BoundMethod::bind(program, "update", loaded.weights, gradients, {}).status();
  BOOST_TEST(says(status, "writes weights that are mapped"), status.message());
}

BOOST_AUTO_TEST_CASE(weights_that_do_not_fit_are_all_named_and_none_is_loaded) {
  const Loaded loaded;
  const auto start = open_tensors(kTiny / "start.safetensors");
  std::vector<weights::NamedTensor> tensors(start->tensors().begin(), start->tensors().end());
  // Weights of heads that inference does not use may be missing.
  const auto used = std::ranges::find_if(
      tensors, [](const weights::NamedTensor& tensor) { return tensor.name.starts_with("pretrained."); });
  BOOST_TEST_REQUIRE(std::distance(used, tensors.end()) > 3);
  const std::string missing = used->name;
  const std::string bent = std::next(used)->name;
  const auto next = tensors.erase(used);
  next->desc = TensorDesc::dense(DType::f32, {1, next->desc.shape.count()});
  tensors.push_back({"pretrained.surplus", tensors[2].desc, tensors[2].bytes});
  const Scratch folder;
  const std::string path = (folder / "bent.safetensors").string();
  require_ok(weights::write_safetensors(path, tensors, {}));
  const auto file = open_tensors(path);

  const auto weights = take(weights::Weights::initialise(*loaded.program, 1, loaded.weights->backend()));
  const auto values = [&] {
    std::vector<std::byte> storage;
    std::vector<float> all;
    for (const weights::NamedTensor& tensor : take(weights->snapshot(true, storage)))
      all.insert(all.end(), floats(tensor).begin(), floats(tensor).end());
    return all;
  };
  const std::vector<float> before = values();
  for (const Status& status : {weights->load(*file).status(),
                               weights::Weights::map(*loaded.program, file, weights->backend()).status()}) {
    for (const std::string& name : {missing, bent, std::string("pretrained.surplus")})
      BOOST_TEST(says(status, name), status.message());
  }
  BOOST_TEST(same_bits(values(), before));
}

BOOST_AUTO_TEST_CASE(training_with_dropout_repeats_by_its_seed) {
  const Steps once = three_steps(1);
  const Steps again = three_steps(1);
  BOOST_TEST(same_bits(once.losses, again.losses));
  BOOST_TEST(same_bits(once.values, again.values));
  BOOST_TEST(!same_bits(once.losses, three_steps(2).losses));
}

BOOST_AUTO_TEST_CASE(class_weights_change_the_losses_and_what_they_are_averaged_over) {
  const auto program = tiny_program(0);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto session = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  const std::vector<std::int32_t> label = random_batch(*weights->backend(), *session);
  const auto totals = [&](const char* name) {
    const std::vector<double> pair = fetch<double>(*weights->backend(), session->output(name));
    return std::pair(pair[0], pair[1]);
  };
  require_ok(session->compute({}));
  const double plain = *session->scalar("main_loss");
  BOOST_TEST(totals("main_totals").second == 2 * 33 * 41);
  // A common factor drops out of the average.
  require_ok(session->set_class_weights(std::vector<float>(11, 4)));
  require_ok(session->compute({}));
  BOOST_TEST(totals("aux_totals").second == 4 * 2 * 33 * 41);
  BOOST_TEST(std::abs(*session->scalar("main_loss") / plain - 1) < 1e-6);
  // One class alone: its pixels are all that counts.
  std::vector<float> one(11, 0);
  one[3] = 0.5f;
  require_ok(session->set_class_weights(one));
  require_ok(session->compute({}));
  const auto of_class = std::ranges::count(label, 3);
  const auto [sum, weight] = totals("main_totals");
  BOOST_TEST(weight == 0.5 * static_cast<double>(of_class));
  BOOST_TEST(std::abs(*session->scalar("main_loss") - sum / weight) < 1e-6);
  BOOST_TEST(std::abs(*session->scalar("main_loss") / plain - 1) > 1e-3);
}

BOOST_AUTO_TEST_CASE(class_weights_that_are_none) {
  const auto program = tiny_program(0);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto session = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  const auto refused = [&](std::vector<float> list, const std::string& why) {
    const Status status = session->set_class_weights(list);
    BOOST_REQUIRE(!status.ok());
    BOOST_TEST(says(status, why), status.message());
  };
  refused(std::vector<float>(10, 1), "expected one for each of 11 classes, got 10");
  refused(std::vector<float>(11, 0), "all are 0");
  std::vector<float> list(11, 1);
  list[4] = -1;
  refused(list, "that of class 4 is -1");
  list[4] = INFINITY;
  refused(list, "that of class 4 is inf");
}

// What is frozen keeps its bits through training, and the rest learns.
BOOST_AUTO_TEST_CASE(a_frozen_backbone_norm_stays_as_it_is) {
  const auto program = tiny_program(0, {{"frozen_bn", 1}});
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto values = [&] {
    std::map<std::string, std::vector<float>> all;
    std::vector<std::byte> storage;
    for (const weights::NamedTensor& tensor : take(weights->snapshot(false, storage)))
      all[tensor.name] = copy_of(floats(tensor));
    return all;
  };
  const auto before = values();
  const auto session = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  const auto live = take(session::TrainSession::create(
      tiny_program(0), take(weights::Weights::initialise(*tiny_program(0), 5, weights->backend())),
      {2, 33, 41}));
  BOOST_TEST(session->arena_bytes() < live->arena_bytes());
  for (int step = 0; step < 3; ++step) {
    random_batch(*weights->backend(), *session);
    require_ok(session->compute({0, step, 0}));
    require_ok(session->update(0.01));
  }
  BOOST_TEST((session->gradient("pretrained.bn1.weight").data == nullptr));
  for (const auto& [name, old] : before) {
    const std::string node = name.substr(0, name.rfind('.'));
    const bool frozen = node.starts_with("pretrained.") && before.contains(node + ".running_mean");
    BOOST_TEST(same_bits(values().at(name), old) == frozen, name);
  }
}

BOOST_AUTO_TEST_CASE(a_label_that_is_no_class) {
  const auto program = tiny_program(0);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto session = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  for (const bool last : {false, true}) {
    std::vector<std::int32_t> label = random_batch(*weights->backend(), *session);
    const std::size_t at = last ? label.size() - 1 : 41 * 3 + 5;
    label[at] = 77;
    store<std::int32_t>(*weights->backend(), label, session->label());
    Status status = session->compute({});
    if (status.ok()) status = weights->backend()->synchronize();
    BOOST_REQUIRE(!status.ok());
    BOOST_TEST(says(status, "77"), status.message());
    const std::string place = on_gpu() ? "pixel " + std::to_string(at) : last ? "(y 32, x 40)" : "(y 3, x 5)";
    BOOST_TEST(says(status, place), status.message());
    BOOST_TEST_MESSAGE(status.message());
  }
}

// oneDNN allocates inside its own executions; all else must be still.
BOOST_AUTO_TEST_CASE(a_run_allocates_nothing_and_locks_nothing, *needs("host")) {
  if (on_gpu()) return skip("it counts what the host allocates");
  const auto check = [](const std::string& name, const auto& run) {
    BOOST_REQUIRE(run());
    const Allocations before = allocations();
    const std::int64_t locks_before = locks();
    const bool done = run();
    const std::int64_t locks_after = locks();
    const Allocations after = allocations();
    BOOST_REQUIRE(done);
    BOOST_TEST(after.others - before.others == 0, name);
    BOOST_TEST(locks_after - locks_before == 0, name);
    BOOST_TEST_MESSAGE(name << ": oneDNN itself allocates " << after.by_onednn - before.by_onednn);
  };
  const Loaded loaded;
  const auto session = take(session::Session::create(loaded.program, loaded.weights, {1, 33, 41}));
  fill(*loaded.weights->backend(), session->input(), 1);
  check("run", [&] { return session->run().ok(); });
  {
    std::mutex mutex;
    const std::int64_t before_lock = locks();
    const std::lock_guard lock(mutex);
    BOOST_TEST(locks() == before_lock + 1);  // locks are seen
  }

  // Wide enough for filtering by tiles, the pyramid's kernel, and both types.
  const compiler::Definition wide[] = {{"width", 32}};
  compiler::Compiled pspnet =
      compiler::compile(kSource / "graphs" / "pspnet_tiny.json", wide, ops::op_registry());
  BOOST_TEST_REQUIRE(pspnet.errors == "");
  const auto pspnet_program = take(model::Program::make(*std::move(pspnet.model), ops::op_registry()));
  const auto backend = test_backend();
  const auto pspnet_weights = take(weights::Weights::initialise(*pspnet_program, 1, backend));
  for (const DType type : {DType::f32, DType::bf16}) {
    if (!backend->check_precision(type).ok()) continue;
    const auto pyramid = take(
        session::Session::create(pspnet_program, pspnet_weights, {.h = 137, .w = 137, .precision = type}));
    fill(*backend, pyramid->input(), 2);
    check("pspnet " + std::string(to_string(type)), [&] { return pyramid->run().ok(); });
  }

  const auto program = tiny_program(0.1);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto training = take(session::TrainSession::create(program, weights, {2, 33, 41}));
  random_batch(*weights->backend(), *training);
  check("compute", [&] { return training->compute({}).ok(); });
  check("update", [&] { return training->update(0.01).ok(); });
}
