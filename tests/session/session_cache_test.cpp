#include "runtime/session/session_cache.h"
#include "tests/session/compiled.h"

// Sessions for sizes that change, and what sessions say before they are made.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Loaded {
  std::shared_ptr<const model::Program> program = tiny_program(0.1);
  std::shared_ptr<weights::Weights> weights =
      take(weights::Weights::map(*program, open_tensors(kTiny / "start.safetensors"), test_backend()));
};

std::vector<float> logits(const Loaded& loaded, session::Session& session) {
  model::Backend& backend = *loaded.weights->backend();
  std::vector<float> pixels(static_cast<std::size_t>(session.input().desc.shape.count()));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>((i * 7919) % 201) / 100.0f - 1.0f;
  store<float>(backend, pixels, session.input());
  require_ok(session.run());
  return fetch(backend, take(session.logits()));
}

std::vector<float> logits_alone(const Loaded& loaded, const session::SessionCache::Size& size) {
  return logits(loaded,
                *take(session::Session::create(loaded.program, loaded.weights, {size.n, size.h, size.w})));
}

}  // namespace

BOOST_AUTO_TEST_CASE(sessions_of_many_sizes_share_memory_and_are_bounded) {
  const Loaded loaded;
  session::SessionCache cache(loaded.program, loaded.weights, {.sessions = 3});
  const std::vector<session::SessionCache::Size> sizes{
      {1, 33, 41}, {2, 65, 49}, {1, 40, 90}, {1, 17, 33}, {1, 33, 33}};
  std::int64_t most = 0;
  for (const auto& size : sizes) most = std::max(most, take(cache.plan(size)).arena_bytes);
  require_ok(cache.reserve(most));
  const std::int64_t bytes = cache.arena_bytes();
  for (int round = 0; round < 2; ++round) {
    for (const auto& size : sizes) {
      BOOST_TEST(same_bits(logits(loaded, *take(cache.get(size))), logits_alone(loaded, size)));
      BOOST_TEST(cache.size() <= 3u);
      BOOST_TEST(cache.arena_bytes() == bytes);
    }
  }
  BOOST_TEST(cache.made() == 10);  // each was forgotten before its turn came again
  for (int i = 0; i < 3; ++i) take(cache.get(sizes[4])), take(cache.get(sizes[3])), take(cache.get(sizes[2]));
  BOOST_TEST(cache.made() == 10);
}

BOOST_AUTO_TEST_CASE(memory_grows_to_the_largest_but_not_beyond_the_limit) {
  const Loaded loaded;
  session::SessionCache cache(loaded.program, loaded.weights, {});
  const session::SessionCache::Size small{1, 33, 41}, large{1, 65, 90};
  take(cache.get(small));
  const std::int64_t before = cache.arena_bytes();
  BOOST_TEST(same_bits(logits(loaded, *take(cache.get(large))), logits_alone(loaded, large)));
  BOOST_TEST(cache.arena_bytes() > before);
  BOOST_TEST(cache.arena_bytes() == take(cache.plan(large)).arena_bytes);
  BOOST_TEST(same_bits(logits(loaded, *take(cache.get(small))), logits_alone(loaded, small)));
  cache.limit(cache.arena_bytes());
  const auto beyond = cache.get({2, 65, 90});
  BOOST_REQUIRE(!beyond.ok());
  BOOST_TEST((beyond.status().code() == ErrorCode::out_of_memory));
  BOOST_TEST(same_bits(logits(loaded, *take(cache.get(large))), logits_alone(loaded, large)));
}

BOOST_AUTO_TEST_CASE(a_session_is_made_of_the_last_plan_where_that_was_of_its_size) {
  const Loaded loaded;
  session::SessionCache cache(loaded.program, loaded.weights, {});
  const session::SessionCache::Size small{1, 33, 41}, large{1, 65, 90};
  for (const auto& [planned, wanted] : {std::pair(small, small), {large, small}, {small, large}}) {
    take(cache.plan(planned));
    BOOST_TEST(same_bits(logits(loaded, *take(cache.get(wanted))), logits_alone(loaded, wanted)));
  }
  BOOST_TEST(cache.made() == 2);
}

BOOST_AUTO_TEST_CASE(what_a_session_takes_is_known_before_it_is_made) {
  const Loaded loaded;
  const session::Session::Options options{1, 65, 49};
  const session::MemoryRequirements needs =
      take(session::Session::plan(*loaded.program, *loaded.weights->backend(), options));
  const auto session = take(session::Session::create(loaded.program, loaded.weights, options));
  BOOST_TEST(needs.arena_bytes == session->arena_bytes());
  BOOST_TEST((needs.outputs.at("logits") == take(session->logits()).desc));
  BOOST_TEST(!needs.packed_bytes.empty());
}

BOOST_AUTO_TEST_CASE(the_smallest_size_that_a_model_accepts) {
  const Loaded loaded;
  const auto smallest_valid_size = [&](std::int64_t h, std::int64_t w) {
    const session::Session::Options fitting =
        take(session::Session::smallest_valid_size(*loaded.program, {1, h, w}));
    return std::pair(fitting.h, fitting.w);
  };
  BOOST_TEST((smallest_valid_size(33, 41) == std::pair<std::int64_t, std::int64_t>(33, 41)));
  BOOST_TEST((smallest_valid_size(3, 20) == std::pair<std::int64_t, std::int64_t>(16, 20)));
  model::Model model = loaded.program->model();
  model.requirements.push_back({Expr(0), "nothing will do"});
  const auto program = take(model::Program::make(std::move(model), ops::op_registry()));
  const auto none = session::Session::smallest_valid_size(*program, {1, 33, 41});
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST(none.status().message().find("nothing will do") != std::string::npos, none.status().message());
}

BOOST_AUTO_TEST_CASE(logits_before_the_last_resize) {
  const Loaded loaded;
  session::Session::Options options{2, 65, 49};
  const auto whole = take(session::Session::create(loaded.program, loaded.weights, options));
  options.low_res_logits = true;
  const auto before = take(session::Session::create(loaded.program, loaded.weights, options));
  const std::vector<float> expected = logits(loaded, *whole);
  const std::vector<float> found = logits(loaded, *before);
  const TensorDesc low = take(before->logits()).desc;
  BOOST_TEST((low.h() == 9 && low.w() == 7 && low.c() == take(whole->logits()).desc.c()));
  BOOST_TEST(before->arena_bytes() < whole->arena_bytes());
  // With aligned corners every eighth pixel is one of the low resolution.
  float worst = 0;
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::int64_t y = 0; y < 9; ++y) {
      for (std::int64_t x = 0; x < 7; ++x) {
        const float* const a = found.data() + ((n * 9 + y) * 7 + x) * low.c();
        const float* const b = expected.data() + ((n * 65 + 8 * y) * 49 + 8 * x) * low.c();
        for (std::int64_t c = 0; c < low.c(); ++c) worst = std::max(worst, std::abs(a[c] - b[c]));
      }
    }
  }
  BOOST_TEST(worst < 1e-5f);
}
