#include "graphrun/session.h"

#include <cmath>

#include "tests/api/files.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

// A session of two images of 17 x 33.
struct Opened {
  Disk disk;
  Program program = take(Program::load(disk.path("model.grun")));
  Device device = take(Device::open("cpu", {.threads = 1}));
  Weights weights = take(Weights::load(program, device));
  Session session = take(Session::create(program, weights, {.batch = 2, .height = 17, .width = 33}));
  std::vector<std::uint8_t> rgb = picture(17, 33);
  std::vector<float> logits = std::vector<float>(std::size_t{2} * 11 * 17 * 33);

  ImageView image() const { return {rgb.data(), 17, 33}; }
  std::vector<float> run() {
    take(session.run());
    take(session.get_output("logits", logits));
    return logits;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_image_becomes_logits_and_classes) {
  Opened opened;
  take(opened.session.set_image(opened.image(), 0));
  take(opened.session.set_image(opened.image(), 1));
  const std::vector<float> logits = opened.run();
  constexpr std::size_t kPixels = 17 * 33;
  const LabelMap map = take(opened.session.label_map(1));
  BOOST_TEST((map.height == 17 && map.width == 33 && map.ids.size() == kPixels));
  for (std::size_t p = 0; p < kPixels; ++p) {
    for (std::size_t c = 0; c < 11; ++c) {
      // Samples are alike, and no class has more than the one that was chosen.
      BOOST_TEST_REQUIRE(logits[c * kPixels + p] == logits[(11 + c) * kPixels + p]);
      BOOST_TEST_REQUIRE(logits[c * kPixels + p] <= logits[map.ids[p] * kPixels + p]);
    }
  }
}

BOOST_AUTO_TEST_CASE(rows_may_lie_apart_and_values_may_be_floats) {
  Opened opened;
  take(opened.session.set_image(opened.image(), 0));
  take(opened.session.set_image(opened.image(), 1));
  const std::vector<float> expected = opened.run();
  constexpr std::int64_t kPitch = 33 * 3 + 13;
  std::vector<std::uint8_t> apart(static_cast<std::size_t>(16 * kPitch + 33 * 3), 77);
  for (std::int64_t y = 0; y < 17; ++y)
    std::copy_n(opened.rgb.begin() + y * 33 * 3, 33 * 3, apart.begin() + y * kPitch);
  take(opened.session.set_image({apart.data(), 17, 33, 3, DType::u8, kPitch}, 0));
  const std::vector<float> values(opened.rgb.begin(), opened.rgb.end());
  take(opened.session.set_image({values.data(), 17, 33, 3, DType::f32}, 1));
  BOOST_TEST((opened.run() == expected));
}

BOOST_AUTO_TEST_CASE(wrong_images_are_errors_and_write_nothing) {
  Opened opened;
  take(opened.session.set_image(opened.image(), 0));
  take(opened.session.set_image(opened.image(), 1));
  const std::vector<float> expected = opened.run();
  const auto refuse = [&](const ImageView& image, ErrorCode code, const std::string& message) {
    fails(opened.session.set_image(image), code, message);
  };
  const std::uint8_t* const data = opened.rgb.data();
  refuse({nullptr, 17, 33}, ErrorCode::invalid_argument, "no data");
  refuse({data, 17, 33, 4}, ErrorCode::invalid_argument, "4 channels");
  refuse({data, 17, 33, 3, DType::i32}, ErrorCode::invalid_argument, "i32");
  refuse({data, 16, 33}, ErrorCode::shape, "33 x 16");
  refuse({data, 33, 17}, ErrorCode::shape, "17 x 33");
  refuse({data, -17, 33}, ErrorCode::invalid_argument, "pixels");
  refuse({data, std::int64_t{1} << 40, std::int64_t{1} << 40}, ErrorCode::invalid_argument, "pixels");
  refuse({data, 17, 33, 3, DType::u8, 98}, ErrorCode::invalid_argument, "row_pitch of 98");
  refuse({data, 17, 33, 3, DType::u8, -99}, ErrorCode::invalid_argument, "row_pitch");
  refuse({data + 1, 17, 33, 3, DType::f32}, ErrorCode::invalid_argument, "aligned");
  for (const std::int64_t sample : {-1, 2})
    fails(opened.session.set_image(opened.image(), sample), ErrorCode::invalid_argument, "batch of 2");
  BOOST_TEST((opened.run() == expected));
}

BOOST_AUTO_TEST_CASE(unknown_names_and_wrong_counts_are_errors) {
  Opened opened;
  take(opened.session.set_image(opened.image()));
  take(opened.session.run());
  fails(opened.session.output("logit"), ErrorCode::not_found, "logit");
  fails(opened.session.output(""), ErrorCode::not_found, "output");
  fails(opened.session.input("label"), ErrorCode::not_found, "label");
  fails(opened.session.get_output("classes", opened.logits), ErrorCode::not_found, "classes");
  fails(opened.session.get_output("logits", std::span(opened.logits).first(10)), ErrorCode::invalid_argument,
        "10");
  fails(opened.session.set_input("image", std::span(opened.logits).first(10)), ErrorCode::invalid_argument,
        "10");
  fails(opened.session.set_input("picture", opened.logits), ErrorCode::not_found, "picture");
  fails(opened.session.label_map(2), ErrorCode::invalid_argument, "batch of 2");
}

BOOST_AUTO_TEST_CASE(sizes_precisions_and_foreign_weights_are_checked) {
  Opened opened;
  const auto create = [&](const SessionOptions& options) {
    return Session::create(opened.program, opened.weights, options);
  };
  BOOST_TEST(!create({.batch = 1, .height = 0, .width = 33}).ok());
  BOOST_TEST(!create({.batch = 0, .height = 17, .width = 33}).ok());
  BOOST_TEST(!create({.batch = 1, .height = 17, .width = -3}).ok());
  BOOST_TEST(!create({.batch = 1, .height = std::int64_t{1} << 50, .width = 33}).ok());
  fails(create({.batch = 1, .height = 17, .width = 33, .precision = DType::i32}), ErrorCode::unsupported,
        "i32");
  const Program other = take(Program::load(opened.disk.path("model.fb")));
  fails(Session::create(other, opened.weights, {.height = 17, .width = 33}), ErrorCode::invalid_argument,
        "another");
}

BOOST_AUTO_TEST_CASE(a_session_keeps_what_it_needs) {
  Disk disk;
  const auto session = [&] {
    const Program program = take(Program::load(disk.path("model.grun")));
    const Weights weights = take(Weights::load(program, take(Device::open("cpu", {.threads = 1}))));
    return take(Session::create(program, weights, {.height = 17, .width = 33}));
  };
  Session moved = session();
  const std::vector<std::uint8_t> rgb = picture(17, 33);
  take(moved.set_image({rgb.data(), 17, 33}));
  take(moved.run());
  const TensorView logits = take(moved.output("logits"));
  BOOST_TEST((logits.desc.shape == Shape{1, 11, 17, 33}));
  BOOST_TEST((logits.device == DeviceId{} && logits.device.is_host()));
  BOOST_TEST(std::isfinite(*logits.as<float>()));
  BOOST_TEST(moved.arena_bytes() > 0);
}
