#include <cstring>
#include <filesystem>

#include "ops/cpu_training.h"
#include "runtime/core/random.h"
#include "runtime/session/shard.h"
#include "runtime/session/train_session.h"
#include "tests/collective/job.h"
#include "tests/session/compiled.h"

// Several ranks with a part of a batch each, against one session that has the whole batch. From weights
// without kinks: every batch norm is far from ReLU's zero. Run alone or by mpirun; every rank runs the same
// cases in the same order.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kBatch = 6;  // of 1, 2, 3 and 6 ranks: down to one image each
constexpr std::int64_t kSize = 33;
constexpr int kSteps = 3;
constexpr std::int32_t kIgnored = 255;

struct Job {
  Job() { comm = join_job(30); }
  ~Job() { comm.reset(); }
  static inline std::shared_ptr<collective::Communicator> comm;
};
BOOST_TEST_GLOBAL_FIXTURE(Job);

enum class Network {
  pyramid,  // pspnet_tiny with SGD: batch norm over maps of 1x1
  // The network of AdamW's golden. In one without kinks whose ReLUs all pass, the bias of a batch norm in
  // front of a 1x1 convolution and another batch norm has no gradient but its rounding, of which AdamW makes
  // whole steps; here every parameter has one.
  adamw,
  losses,  // one head with every loss, and one of boundaries
};

std::filesystem::path graph_of(Network network) {
  switch (network) {
    case Network::pyramid:
      return kSource / "graphs/pspnet_tiny.json";
    case Network::adamw:
      return kSource / "tests/golden/adamw/net.json";
    default:
      return kSource / "tests/session/all_losses.json";
  }
}

std::shared_ptr<const model::Program> program_of(Network network, double dropout) {
  std::vector<compiler::Definition> definitions;
  if (network == Network::pyramid) definitions = {{"width", 2}, {"classes", 3}, {"dropout", dropout}};
  compiler::Compiled compiled = compiler::compile(graph_of(network), definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

std::shared_ptr<weights::Weights> start_weights(Network network, const model::Program& program,
                                                const std::vector<bool>& held) {
  auto weights = take(weights::Weights::initialise(
      program, 0, take(ops::make_cpu_backend(1, ops::with_training_kernels())), held));
  if (network == Network::losses) return weights;
  const char* const folder = network == Network::pyramid ? "pspnet_tiny" : "adamw";
  take(weights->load(*open_tensors(kSource / "tests/golden" / folder / "start.safetensors")));
  return weights;
}

// The images and labels `first` to `first` + the session's batch of a step. Samples from `unlabelled` on have
// no label.
void fill(session::TrainSession& session, int step, std::int64_t first, std::int64_t unlabelled) {
  const TensorView image = session.image();
  const std::int64_t pixels = kSize * kSize;
  for (std::int64_t n = 0; n < image.desc.n(); ++n) {
    core::Random random(static_cast<std::uint64_t>(step), core::RandomPurpose::test,
                        static_cast<std::uint32_t>(first + n));
    for (std::int64_t i = 0; i < 3 * pixels; ++i)
      image.as<float>()[n * 3 * pixels + i] = static_cast<float>(random.next_between(-2, 2));
    for (std::int64_t i = 0; i < pixels; ++i) {
      const auto drawn = static_cast<std::int32_t>(random.next_below(4));
      const bool ignored = drawn == 3 || first + n >= unlabelled;
      session.label().as<std::int32_t>()[n * pixels + i] = ignored ? kIgnored : drawn;
    }
  }
}

struct Course {
  int undone = 0;  // recomputations
  std::vector<double> losses;
  std::vector<double> norms;
  std::map<std::string, std::vector<float>> variables;  // parameters and buffers, afterwards
};

struct Setup {
  double dropout = 0.3;
  std::int64_t unlabelled = kBatch;
  bool accumulate = false;
  std::int64_t memory_budget = 0;
  Network network = Network::pyramid;
  double clip = 0;  // norm of the gradients; 0: any
};

// Steps of a batch of which this session has the samples from `first` on.
Course train(const Setup& setup, const session::DataParallel& parallel, std::int64_t first,
             std::int64_t batch) {
  const auto program = program_of(setup.network, setup.dropout);
  std::vector<bool> held;
  if (parallel.shard_optimizer)
    held = session::held_by(session::partition_parameters(*program, parallel.comm->size()),
                            parallel.comm->rank());
  const auto weights = start_weights(setup.network, *program, held);
  session::TrainSession::Options options;
  options.n = batch;
  options.h = options.w = kSize;
  options.accumulate = setup.accumulate;
  options.clip = setup.clip > 0;
  options.memory_budget = setup.memory_budget;
  options.parallel = parallel;
  const auto session = take(session::TrainSession::create(program, weights, options));
  Course course{.undone = session->rematerialisations().undone, .losses = {}, .norms = {}, .variables = {}};
  for (int step = 0; step < kSteps; ++step) {
    fill(*session, step, first, setup.unlabelled);
    require_ok(session->compute({7, step, first}));
    if (setup.accumulate) {
      // The same batch twice has the gradients of one.
      require_ok(session->accumulate(2, true, false));
      require_ok(session->compute({7, step, first}));
      require_ok(session->accumulate(2, false, true));
    }
    course.losses.push_back(*session->scalar("loss"));
    if (setup.clip > 0) course.norms.push_back(take(session->clip_gradients(setup.clip)));
    require_ok(session->update(1e-3));
  }
  const std::vector<model::Variable>& variables = program->model().variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind == VariableKind::parameter || variables[i].kind == VariableKind::buffer)
      course.variables[variables[i].name] = copy_of(floats(weights->variable(i)));
  }
  return course;
}

session::DataParallel all_together() {
  session::DataParallel parallel;
  parallel.comm = Job::comm;
  parallel.norm_ranks = Job::comm;
  parallel.exchange.bucket_bytes = 1 << 12;  // many buckets
  return parallel;
}

Course on_ranks(const Setup& setup, const session::DataParallel& parallel) {
  const std::int64_t own = kBatch / Job::comm->size();
  return train(setup, parallel, Job::comm->rank() * own, own);
}

void check_same(const Course& actual, const Course& expected, double bar) {
  for (int step = 0; step < kSteps; ++step) {
    const auto at = static_cast<std::size_t>(step);
    BOOST_TEST(std::abs(actual.losses[at] / expected.losses[at] - 1) < bar);
  }
  for (const auto& [name, values] : expected.variables) {
    const double apart = relative_distance(actual.variables.at(name), values);
    BOOST_TEST(apart < bar, name << ": " << apart << " apart");
  }
}

constexpr double kBar = 1e-5;

}  // namespace

BOOST_AUTO_TEST_CASE(a_batch_in_parts_is_the_batch) {
  const Setup setup;
  const Course whole = train(setup, {}, 0, kBatch);
  check_same(on_ranks(setup, all_together()), whole, kBar);
  // One exchange after the backward pass, and bits that do not depend on time.
  session::DataParallel parallel = all_together();
  const Course overlapped = on_ranks(setup, parallel);
  parallel.exchange.overlap = false;
  const Course after = on_ranks(setup, parallel);
  BOOST_TEST((overlapped.losses == after.losses && overlapped.variables == after.variables));
}

BOOST_AUTO_TEST_CASE(a_rank_without_labels_counts_for_nothing) {
  Setup setup;
  setup.unlabelled = kBatch - kBatch / std::max(Job::comm->size(), 2);
  check_same(on_ranks(setup, all_together()), train(setup, {}, 0, kBatch), kBar);
}

BOOST_AUTO_TEST_CASE(a_batch_without_labels_has_no_loss) {
  Setup setup;
  setup.unlabelled = 0;
  for (const double loss : on_ranks(setup, all_together()).losses) BOOST_TEST(loss == 0);
}

BOOST_AUTO_TEST_CASE(parts_one_after_the_other) {
  Setup setup;
  setup.dropout = 0;
  setup.accumulate = true;
  Course expected = train(setup, {}, 0, kBatch);
  check_same(on_ranks(setup, all_together()), expected, kBar);
}

BOOST_AUTO_TEST_CASE(optimiser_shared_out) {
  session::DataParallel parallel = all_together();
  parallel.shard_optimizer = true;
  if (Job::comm->size() == 1) parallel = {};
  check_same(on_ranks({}, parallel), train({}, {}, 0, kBatch), kBar);
}

// Losses that compare regions over all pixels see those of all ranks.
BOOST_AUTO_TEST_CASE(every_loss_is_of_all_ranks) {
  Setup setup;
  setup.network = Network::losses;
  check_same(on_ranks(setup, all_together()), train(setup, {}, 0, kBatch), kBar);
  setup.unlabelled = kBatch - kBatch / std::max(Job::comm->size(), 2);
  check_same(on_ranks(setup, all_together()), train(setup, {}, 0, kBatch), kBar);
}

// The norm is of all parameters, whosever they are.
BOOST_AUTO_TEST_CASE(gradients_clipped_together) {
  const Setup setup{.clip = 0.1};
  const Course whole = train(setup, {}, 0, kBatch);
  for (const double norm : whole.norms) BOOST_TEST(norm > 0.1);
  for (const bool shared_out : {false, true}) {
    session::DataParallel parallel = all_together();
    parallel.shard_optimizer = shared_out;
    if (Job::comm->size() == 1) parallel = {};
    const Course course = on_ranks(setup, parallel);
    check_same(course, whole, kBar);
    for (std::size_t i = 0; i < whole.norms.size(); ++i)
      BOOST_TEST(std::abs(course.norms[i] - whole.norms[i]) < 1e-5 * whole.norms[i]);
  }
}

// Every rank counts the steps of all groups, whether or not it has parameters of them.
BOOST_AUTO_TEST_CASE(an_optimiser_with_scalars) {
  const Setup setup{.network = Network::adamw};
  const Course whole = train(setup, {}, 0, kBatch);
  check_same(on_ranks(setup, all_together()), whole, kBar);
  session::DataParallel parallel = all_together();
  parallel.shard_optimizer = true;
  if (Job::comm->size() == 1) parallel = {};
  check_same(on_ranks(setup, parallel), whole, kBar);
}

// What ranks exchange stays in step, whatever each of them keeps or computes again.
BOOST_AUTO_TEST_CASE(ranks_of_unequal_memory) {
  session::DataParallel parallel = all_together();
  parallel.shard_optimizer = Job::comm->size() > 1;
  const Course least = on_ranks({}, parallel);
  Setup setup;
  if (Job::comm->rank() == 0) setup.memory_budget = std::int64_t{1} << 40;
  const Course course = on_ranks(setup, parallel);
  BOOST_TEST((course.undone > 0) == (Job::comm->rank() == 0));
  BOOST_TEST((course.losses == least.losses && course.variables == least.variables));
}

BOOST_AUTO_TEST_CASE(gradients_as_bf16) {
  session::DataParallel parallel = all_together();
  parallel.exchange.type = DType::bf16;
  constexpr double kRounded = 1e-3;
  check_same(on_ranks({}, parallel), train({}, {}, 0, kBatch), kRounded);
}

// What DistributedDataParallel does without synchronised batch norm: every rank's own loss, the mean of the
// gradients.
// For ranks that take statistics of their own: of a single image of 1x1 there are none.
Network network_of_ranks() { return Job::comm->size() < kBatch ? Network::pyramid : Network::adamw; }

BOOST_AUTO_TEST_CASE(means_of_ranks) {
  session::DataParallel parallel = all_together();
  parallel.norm_ranks = nullptr;
  parallel.mean_of_ranks = true;
  const Setup setup{
      .dropout = 0, .unlabelled = kBatch - 1, .accumulate = false, .network = network_of_ranks()};
  const Course course = on_ranks(setup, parallel);
  const std::int64_t own = kBatch / Job::comm->size();
  const Course alone = train(setup, {}, Job::comm->rank() * own, own);
  // Before the first exchange a rank's loss is what it has by itself.
  BOOST_TEST(course.losses[0] == alone.losses[0]);
  if (Job::comm->size() == 1) return check_same(course, alone, kBar);
  // Afterwards all have the same parameters, which are none of their own.
  const char* const first = setup.network == Network::pyramid ? "layer0.0.weight" : "conv1.weight";
  std::vector<float> weights = course.variables.at(first);
  const std::vector<float> mine = weights;
  require_ok(collective::all_reduce<float>(*Job::comm, weights, collective::ReduceOp::max));
  BOOST_TEST((weights == mine));
  BOOST_TEST((alone.variables.at(first) != mine));
}

BOOST_AUTO_TEST_CASE(groups_of_batch_norm) {
  session::DataParallel parallel = all_together();
  const Setup setup{.network = network_of_ranks()};
  parallel.norm_ranks = take(Job::comm->split(0));
  check_same(on_ranks(setup, parallel), train(setup, {}, 0, kBatch), kBar);
  parallel.norm_ranks = take(Job::comm->split(Job::comm->rank()));
  const Course apart = on_ranks(setup, parallel);
  parallel.norm_ranks = nullptr;
  BOOST_TEST((on_ranks(setup, parallel).losses == apart.losses));
}
