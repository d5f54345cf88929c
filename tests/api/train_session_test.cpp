#include "graphrun/train_session.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "graphrun/session.h"
#include "tests/api/own_data.h"
#include "tests/datasets/scratch.h"

// A loop of one's own over the public headers alone.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kSide = 41;

void check_error(const Status& status, ErrorCode code, const std::string& text) {
  BOOST_TEST_REQUIRE(!status.ok());
  BOOST_TEST((status.code() == code), status.message());
  BOOST_TEST(status.message().find(text) != std::string::npos, status.message());
}

struct Loop {
  explicit Loop(const Scratch& folder)
      : program(require(Program::load(tiny_model(folder / "tiny.fb"), {{"classes", 2}, {"dropout", 0}}))),
        device(require(Device::open("cpu", {.threads = 1}))),
        session(require(TrainSession::create(program, device,
                                             {.batch = 2, .height = kSide, .width = kSide, .seed = 3}))) {
    for (std::int64_t sample = 0; sample < 2; ++sample) {
      const Image image = require(data.image(sample));
      require(session.set_image({image.rgb.data(), image.height, image.width}, sample));
      require(session.set_label(require(data.label(sample)), sample));
    }
  }

  // Losses of so many steps from `first` on.
  std::vector<double> steps(std::int64_t first, std::int64_t count) {
    std::vector<double> losses;
    for (std::int64_t i = first; i < first + count; ++i) {
      losses.push_back(require(session.compute(i)).total);
      require(session.update(0.02));
    }
    return losses;
  }

  Squares data{2};
  Program program;
  Device device;
  TrainSession session;
};

}  // namespace

BOOST_AUTO_TEST_CASE(steps_lower_the_loss_and_can_be_taken_up_again) {
  const Scratch folder;
  Loop loop(folder);
  const std::vector<double> first = loop.steps(0, 4);
  require(loop.session.save((folder / "four.safetensors").string()));
  const std::vector<double> more = loop.steps(4, 4);
  BOOST_TEST(more.back() < first.front());
  Loop other(folder);
  require(other.session.load((folder / "four.safetensors").string()));
  BOOST_TEST(other.steps(4, 4) == more, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(gradients_are_there_for_every_parameter) {
  const Scratch folder;
  Loop loop(folder);
  const double loss = require(loop.session.compute(0)).total;
  BOOST_TEST_REQUIRE(!loop.session.parameter_names().empty());
  double squares = 0;
  for (const std::string& name : loop.session.parameter_names()) {
    const std::vector<float> gradient = require(loop.session.gradient(name));
    BOOST_TEST_REQUIRE(!gradient.empty(), name);
    for (const float value : gradient) squares += double{value} * double{value};
  }
  BOOST_TEST_REQUIRE(squares > 0);
  // A short step down the gradient lowers the loss by about its length times the step.
  const double step = 1e-3 * loss / squares;
  require(loop.session.update(step));
  const double lowered = loss - require(loop.session.compute(0)).total;
  BOOST_TEST(lowered > 0.2 * step * squares);
  check_error(loop.session.gradient("no.such.weight").status(), ErrorCode::not_found, "no.such.weight");
}

BOOST_AUTO_TEST_CASE(a_session_sees_the_weights_as_they_are) {
  const Scratch folder;
  Loop loop(folder);
  Session session =
      require(Session::create(loop.program, loop.session.weights(), {.height = kSide, .width = kSide}));
  const Image image = require(loop.data.image(0));
  const auto logits = [&] {
    require(session.set_image({image.rgb.data(), image.height, image.width}));
    require(session.run());
    std::vector<float> values(2 * kSide * kSide);
    require(session.get_output("logits", values));
    return values;
  };
  const std::vector<float> before = logits();
  loop.steps(0, 1);
  const std::vector<float> after = logits();
  BOOST_TEST((before != after));
  for (const float value : after) BOOST_TEST_REQUIRE(std::isfinite(value));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_told) {
  const Scratch folder;
  Loop loop(folder);
  TrainSession& session = loop.session;
  const ErrorCode argument = ErrorCode::invalid_argument;
  const Image image = require(loop.data.image(0));
  LabelMap label = require(loop.data.label(0));
  check_error(session.set_image({image.rgb.data(), image.height, image.width}, 2), argument, "no sample 2");
  check_error(session.set_image({image.rgb.data(), image.height - 1, image.width}, 0), ErrorCode::shape, "");
  check_error(session.set_image({nullptr, image.height, image.width}, 0), argument, "");
  check_error(session.set_label(label, -1), argument, "no sample -1");
  label.ids[7] = 2;
  check_error(session.set_label(label, 0), argument, "id 2 is none of the 2 classes");
  label.ids.pop_back();
  check_error(session.set_label(label, 0), ErrorCode::shape, "41 x 41");
  check_error(session.set_images(std::vector<float>(3)), argument, "got 3");
  check_error(session.set_labels(std::vector<std::int32_t>(3)), argument, "got 3");
  check_error(session.load("none.safetensors"), ErrorCode::not_found, "none.safetensors");
  const Status refused =
      TrainSession::create(loop.program, loop.device, {.batch = 0, .height = kSide, .width = kSide}).status();
  BOOST_TEST(!refused.ok());
}
