#include <algorithm>

#include "runtime/core/random.h"
#include "runtime/core/size_text.h"
#include "runtime/session/train_session.h"
#include "tests/session/compiled.h"

// A training session that may have more memory than it needs does not compute again what it can keep.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kMuch = std::int64_t{1} << 40;

class CountRuns final : public session::StepObserver {
 public:
  void before(const session::StepView&) override { ++runs; }
  void after(const session::StepView&) override {}
  int runs = 0;
};

struct Setup {
  std::int64_t memory_budget = 0;
  DType precision = DType::f32;
  bool accumulate = false;
};

struct Trained {
  std::shared_ptr<const model::Program> program = tiny_program(0.3);
  std::shared_ptr<weights::Weights> weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  std::unique_ptr<session::TrainSession> session;

  explicit Trained(const Setup& setup) {
    session::TrainSession::Options options;
    options.n = 2, options.h = 33, options.w = 41;
    options.accumulate = setup.accumulate;
    options.precision = setup.precision;
    options.memory_budget = setup.memory_budget;
    session = take(session::TrainSession::create(program, weights, options));
  }
};

struct Course {
  std::vector<float> losses;
  std::vector<float> gradients;  // of all steps
  std::vector<float> values;     // parameters, running statistics and momentum, afterwards
  int runs = 0;                  // of kernels in the first step
  std::int64_t bytes = 0;
  session::Rematerialisations rematerialisations;
};

void fill(model::Backend& backend, const session::TrainSession& session, int step) {
  core::Random random(static_cast<std::uint64_t>(step), core::RandomPurpose::test);
  std::vector<float> image(static_cast<std::size_t>(session.image().desc.shape.count()));
  for (float& value : image) value = static_cast<float>(random.next_between(-2, 2));
  store<float>(backend, image, session.image());
  std::vector<std::int32_t> label(static_cast<std::size_t>(session.label().desc.shape.count()));
  for (std::int32_t& value : label) value = static_cast<std::int32_t>(random.next_below(11));
  store<std::int32_t>(backend, label, session.label());
}

Course train(const Setup& setup) {
  const Trained trained(setup);
  session::TrainSession& session = *trained.session;
  model::Backend& backend = *trained.weights->backend();
  CountRuns count;
  Course course;
  for (int step = 0; step < 3; ++step) {
    fill(backend, session, step);
    require_ok(session.compute({7, step, 0}, step == 0 ? &count : nullptr));
    if (setup.accumulate) {
      require_ok(session.accumulate(2, true, false));
      fill(backend, session, 100 + step);
      require_ok(session.compute({7, step, 2}));
      require_ok(session.accumulate(3, false, true));
    }
    course.losses.push_back(static_cast<float>(*session.scalar("loss")));
    for (const model::Variable& variable : trained.program->model().variables) {
      if (variable.kind != VariableKind::parameter) continue;
      const std::vector<float> gradient = fetch(backend, session.gradient(variable.name));
      course.gradients.insert(course.gradients.end(), gradient.begin(), gradient.end());
    }
    require_ok(session.update(0.01));
  }
  std::vector<std::byte> storage;
  for (const weights::NamedTensor& tensor : take(trained.weights->snapshot(true, storage)))
    course.values.insert(course.values.end(), floats(tensor).begin(), floats(tensor).end());
  course.runs = count.runs;
  course.bytes = session.planned_bytes();
  course.rematerialisations = session.rematerialisations();
  return course;
}

void check_same_bits(const Course& actual, const Course& expected) {
  BOOST_TEST(same_bits(actual.losses, expected.losses));
  BOOST_TEST(same_bits(actual.gradients, expected.gradients));
  BOOST_TEST(same_bits(actual.values, expected.values));
}

void check_budgets(Setup setup) {
  const Course least = train(setup);
  const int all = least.rematerialisations.all;
  BOOST_TEST_REQUIRE(all > 10);
  BOOST_TEST(least.rematerialisations.undone == 0);

  setup.memory_budget = kMuch;
  const Course fastest = train(setup);
  BOOST_TEST(fastest.rematerialisations.all == all);
  BOOST_TEST(fastest.rematerialisations.undone == all);
  BOOST_TEST(fastest.runs == least.runs - all);
  BOOST_TEST(fastest.bytes > least.bytes);
  check_same_bits(fastest, least);

  // Part of the way: no more than the budget, and near it.
  setup.memory_budget = (least.bytes + fastest.bytes) / 2;
  const Course between = train(setup);
  BOOST_TEST(between.bytes <= setup.memory_budget);
  BOOST_TEST(between.bytes > (3 * least.bytes + fastest.bytes) / 4);
  BOOST_TEST(between.rematerialisations.undone > 0);
  BOOST_TEST(between.rematerialisations.undone < all);
  BOOST_TEST(between.runs == least.runs - between.rematerialisations.undone);
  check_same_bits(between, least);
}

}  // namespace

BOOST_AUTO_TEST_CASE(memory_that_is_there_saves_recomputations) { check_budgets({}); }

BOOST_AUTO_TEST_CASE(a_memory_budget_of_a_batch_in_parts) { check_budgets({.accumulate = true}); }

BOOST_AUTO_TEST_CASE(a_memory_budget_in_bf16) {
  if (!test_backend()->check_precision(DType::bf16).ok()) return;
  check_budgets({.precision = DType::bf16});
}

BOOST_AUTO_TEST_CASE(the_least_memory_suffices_and_a_byte_less_does_not) {
  const std::int64_t least = Trained({}).session->planned_bytes();
  const Trained exact({.memory_budget = least});
  BOOST_TEST(exact.session->planned_bytes() == least);
  BOOST_TEST(exact.session->rematerialisations().undone == 0);

  const auto program = tiny_program(0.3);
  const auto weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  const auto refused =
      session::TrainSession::create(program, weights, {.n = 2, .h = 33, .w = 41, .memory_budget = least - 1})
          .status();
  BOOST_TEST((refused.code() == ErrorCode::out_of_memory));
  for (const std::string& text :
       {"needs " + core::size_text_up(least), "memory budget is " + core::size_text(least - 1),
        std::string("batch_size"), std::string("accumulate")})
    BOOST_TEST(refused.message().find(text) != std::string::npos, refused.message());
}
