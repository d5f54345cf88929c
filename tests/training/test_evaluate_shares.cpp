#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "training/evaluation/evaluate_shares.h"

// What goes wrong on one of several ranks is an error of the call; whoever called decides what becomes of the
// ranks.
using namespace graphrun;

namespace {

// One of two ranks, of which the other always is where this one is.
class Twin final : public collective::Communicator {
 public:
  explicit Twin(int rank) : rank_(rank) {}
  std::string_view name() const override { return "twin"; }
  int rank() const override { return rank_; }
  const std::vector<std::string>& hosts() const override { return hosts_; }
  Result<Ticket> all_reduce(void* data, std::int64_t count, DType type, collective::ReduceOp) override {
    BOOST_TEST_REQUIRE((type == DType::i64));
    auto* const values = static_cast<std::int64_t*>(data);
    for (std::int64_t i = 0; i < count; ++i) values[i] *= 2;
    return Ticket{0};
  }
  Result<Ticket> reduce(void*, std::int64_t, DType, int) override { return not_asked_for(); }
  Result<Ticket> broadcast(void*, std::int64_t, int) override { return not_asked_for(); }
  Result<Ticket> all_gather(void*, std::span<const std::int64_t>) override { return not_asked_for(); }
  Status progress() override { return {}; }
  Status wait(Ticket) override { return {}; }
  Result<std::unique_ptr<Communicator>> split(int) override { return not_asked_for(); }
  bool capturable() const override { return false; }
  [[noreturn]] void abort(int exit_status) override { std::_Exit(exit_status); }

 private:
  static Status not_asked_for() { return {ErrorCode::unsupported, "no part of an evaluation"}; }
  int rank_;
  std::vector<std::string> hosts_{"here", "there"};
};

// Images of one pixel, of which the last cannot be read.
class LastIsBroken final : public datasets::Dataset {
 public:
  explicit LastIsBroken(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  bool labelled() const override { return false; }
  std::string name(std::int64_t index) const override { return "image" + std::to_string(index); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    if (index + 1 == size_) return Status(ErrorCode::invalid_file, name(index) + " is broken");
    return imaging::Image{1, 1, {1, 2, 3}};
  }
  Result<imaging::LabelMap> load_label(std::int64_t) const override { return imaging::LabelMap{}; }

 private:
  std::int64_t size_;
};

class Black final : public labelling::Protocol {
 public:
  Result<LabelMap> label(const ImageView& image, const LabelDetails&) override {
    return LabelMap{image.height, image.width, {0}};
  }
  std::int64_t classes() const override { return 2; }
  std::int64_t channels() const override { return 3; }
  labelling::ProtocolSeconds seconds() const override { return {}; }
  Result<labelling::EvaluationMemory> plan(std::span<const imaging::Extent>) override {
    return labelling::EvaluationMemory{};
  }
  Status reserve(const labelling::EvaluationMemory&, std::int64_t) override { return {}; }
};

class Silent final : public training::EvalObserver {
 public:
  void image(std::int64_t, std::int64_t, double, const training::ConfusionMatrix*) override {}
};

Result<training::Evaluation> evaluate_on(int rank, std::int64_t images, const StopToken& stop = {}) {
  Twin comm(rank);
  Black protocol;
  Silent observer;
  return training::evaluate_shares(LastIsBroken(images), protocol, {}, comm, observer, {}, stop);
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_image_of_this_ranks_share_that_cannot_be_read_is_an_error_of_the_call) {
  const Result<training::Evaluation> result = evaluate_on(1, 6);  // the sixth is the second rank's
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST((result.status().code() == ErrorCode::invalid_file));
  BOOST_TEST(result.status().message().find("image5 is broken") != std::string::npos,
             result.status().message());
  BOOST_TEST(evaluate_on(0, 6).ok());
}

BOOST_AUTO_TEST_CASE(a_wish_to_stop_is_an_error_of_the_call) {
  const StopToken stop([] { return Stop::terminated; });
  const Result<training::Evaluation> result = evaluate_on(0, 6, stop);
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST((result.status().code() == ErrorCode::interrupted));
}
