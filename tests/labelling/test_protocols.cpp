#include "runtime/imaging/slide_grid.h"
#include "runtime/session/layout.h"
#include "tests/labelling/tiny_net.h"
#include "training/evaluation/evaluate.h"

// The protocols with a real network, the small one of the goldens.
using namespace graphrun;
using namespace graphrun::test;

namespace {

cv::Mat resized(const cv::Mat& from, const imaging::Extent& size) {
  cv::Mat to;
  cv::resize(from, to, cv::Size(static_cast<int>(size.width), static_cast<int>(size.height)), 0, 0,
             cv::INTER_LINEAR);
  return to;
}

// Probabilities of the whole protocol, plane by plane, view by view, as one would write it down.
std::vector<cv::Mat> whole_probabilities(const Net& net, const imaging::Image& image,
                                         const labelling::ProtocolSettings& settings) {
  const imaging::Extent extent{image.height, image.width};
  cv::Mat pixels;
  cv::Mat(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3,
          const_cast<std::uint8_t*>(image.rgb.data()))
      .convertTo(pixels, CV_32F);
  std::vector<cv::Mat> sums;
  for (const double scale : settings.scales) {
    const imaging::Extent size = imaging::scaled_extent(extent, scale, settings.base_size);
    cv::Mat view = resized(pixels, size);
    cv::subtract(view, cv::Scalar(123.675, 116.28, 103.53), view);
    cv::divide(view, cv::Scalar(58.395, 57.12, 57.375), view);
    const auto up = [](std::int64_t side) { return static_cast<int>((side + 6) / 8 * 8 + 1); };
    const int height = up(std::max<std::int64_t>(size.height, 16));
    const int width = up(std::max<std::int64_t>(size.width, 16));
    for (int mirrored = 0; mirrored < (settings.flip ? 2 : 1); ++mirrored) {
      cv::Mat turned = view.clone();
      if (mirrored == 1) cv::flip(view, turned, 1);
      cv::Mat padded = cv::Mat::zeros(height, width, CV_32FC3);
      turned.copyTo(padded(cv::Rect(0, 0, view.cols, view.rows)));
      const auto session = take(session::Session::create(net.program, net.weights, {1, height, width}));
      std::copy_n(reinterpret_cast<const float*>(padded.data), 3 * height * width,
                  session->input().as<float>());
      require_ok(session->run());
      const TensorView logits = take(session->logits());
      std::vector<float> accumulator(static_cast<std::size_t>(logits.desc.shape.count()));
      session::nhwc_to_nchw(logits, accumulator);
      std::vector<cv::Mat> exponentials;
      cv::Mat total = cv::Mat::zeros(pixels.size(), CV_64F);
      for (std::int64_t c = 0; c < logits.desc.c(); ++c) {
        cv::Mat plane = cv::Mat(height, width, CV_32F,
                                accumulator.data() + c * height * width)(cv::Rect(0, 0, view.cols, view.rows))
                            .clone();
        if (mirrored == 1) cv::flip(plane, plane, 1);
        cv::Mat wide;
        resized(plane, extent).convertTo(wide, CV_64F);
        cv::exp(wide, wide);
        exponentials.push_back(wide);
        total += wide;
      }
      // Each of its own: copies of a cv::Mat share their memory.
      while (sums.size() < exponentials.size()) sums.push_back(cv::Mat::zeros(pixels.size(), CV_64F));
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c] = sums[c] + exponentials[c] / total;
    }
  }
  return sums;
}

// The most that a probability is off.
double probability_distance(const imaging::LabelMap& map, const std::vector<cv::Mat>& sums) {
  double worst = 0;
  for (std::size_t i = 0; i < map.ids.size(); ++i) {
    const auto at = [&](std::size_t c) { return reinterpret_cast<const double*>(sums[c].data)[i]; };
    double all = 0;
    for (std::size_t c = 0; c < sums.size(); ++c) all += at(c);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const auto ours = static_cast<double>(map.probabilities[c * map.ids.size() + i]);
      worst = std::max(worst, std::abs(ours - at(c) / all));
    }
  }
  return worst;
}

// Pixels whose class is another one, and not by rounding.
int wrong_pixels(const imaging::LabelMap& map, const std::vector<cv::Mat>& probabilities) {
  int wrong = 0;
  for (std::size_t i = 0; i < map.ids.size(); ++i) {
    const auto at = [&](std::size_t c) { return reinterpret_cast<const double*>(probabilities[c].data)[i]; };
    for (std::size_t c = 0; c < probabilities.size(); ++c) wrong += at(c) > at(map.ids[i]) + 1e-5 ? 1 : 0;
  }
  return wrong;
}

void check_whole(const Net& net, const imaging::Extent& size, const labelling::ProtocolSettings& settings) {
  const imaging::Image image = random_image(size.height, size.width);
  const imaging::LabelMap map = take(net.protocol(settings)->label(image, {true, true}));
  BOOST_TEST((map.height == size.height && map.width == size.width));
  const auto probabilities = whole_probabilities(net, image, settings);
  BOOST_TEST(probability_distance(map, probabilities) < 1e-5);
  BOOST_TEST(wrong_pixels(map, probabilities) == 0,
             size.width << " x " << size.height << ", base_size " << settings.base_size);
}

}  // namespace

BOOST_AUTO_TEST_CASE(whole_is_padded_to_what_the_model_requires_and_cropped_back) {
  const Net net;
  check_whole(net, {33, 49}, {.name = "whole", .flip = false});
  check_whole(net, {37, 52}, {.name = "whole", .flip = false});
  check_whole(net, {37, 52}, {.name = "whole"});
  check_whole(net, {9, 12}, {.name = "whole"});
}

BOOST_AUTO_TEST_CASE(whole_at_scales) {
  const Net net;
  check_whole(net, {37, 52}, {.name = "whole", .base_size = 64});
  check_whole(net, {52, 37}, {.name = "whole", .scales = {0.5, 1.0, 1.75}});
  check_whole(net, {40, 30}, {.name = "whole", .scales = {1.5, 0.75}, .flip = false, .base_size = 48});
}

BOOST_AUTO_TEST_CASE(batches_and_the_place_of_the_last_resize_change_no_label) {
  const Net net;
  const imaging::Image image = random_image(70, 94);
  labelling::ProtocolSettings settings{
      .scales = {0.75, 1.0}, .base_size = 94, .test_h = 33, .test_w = 41, .low_res_logits = false};
  const imaging::LabelMap plain = take(net.protocol(settings)->label(image));
  BOOST_TEST(has_classes(plain));
  settings.low_res_logits = true;
  for (const std::int64_t batch : {1, 2, 4, 100}) {
    settings.batch = batch;
    BOOST_TEST(different(plain, take(net.protocol(settings)->label(image))) <= 1u, "batch " << batch);
  }
  settings.name = "whole";
  const imaging::LabelMap whole = take(net.protocol(settings)->label(image));
  settings.low_res_logits = false;
  BOOST_TEST(different(whole, take(net.protocol(settings)->label(image))) <= 1u);
}

BOOST_AUTO_TEST_CASE(what_was_planned_suffices_and_is_a_limit) {
  const Net net;
  const std::vector<imaging::Extent> sizes{{30, 60}, {60, 30}, {44, 44}, {20, 20}};
  for (const std::string name : {"whole", "slide"}) {
    const auto protocol = net.protocol(
        {.name = name, .scales = {1.0, 1.5}, .test_h = 33, .test_w = 33, .batch = 3, .sessions = 2});
    const labelling::EvaluationMemory memory = take(protocol->plan(sizes));
    BOOST_TEST((memory.activations > 0 && memory.packed > 0 && memory.probabilities > 0));
    require_ok(protocol->reserve(memory, memory.activations));
    for (const imaging::Extent& size : sizes) {
      const auto map = protocol->label(random_image(size.height, size.width));
      BOOST_TEST(map.ok(), name << ": " << (map.ok() ? "" : map.status().message()));
    }
    if (name == "slide") continue;  // a larger image has more crops, but not larger ones
    const auto beyond = protocol->label(random_image(90, 90));
    BOOST_REQUIRE(!beyond.ok());
    BOOST_TEST((beyond.status().code() == ErrorCode::out_of_memory), beyond.status().message());
  }
}

// Every form that a kernel makes at the largest or the smallest size is counted.
BOOST_AUTO_TEST_CASE(the_smallest_size_of_whole_is_planned_too) {
  const Net net;
  const auto packed = [&](std::vector<imaging::Extent> sizes) {
    return take(net.protocol({.name = "whole"})->plan(sizes)).packed;
  };
  const imaging::Extent small{20, 20}, large{220, 260};
  BOOST_TEST(packed({small, large}) >= std::max(packed({small}), packed({large})));
  BOOST_TEST(packed({small, large, {60, 70}}) == packed({small, large}));
}

BOOST_AUTO_TEST_CASE(views_that_are_too_large_are_refused_before_memory_is_taken) {
  const Net net;
  const std::vector<imaging::Extent> sizes{{30, 60}};
  for (const std::string name : {"whole", "slide"}) {
    const auto protocol =
        net.protocol({.name = name, .scales = {100.0}, .base_size = 100000, .test_h = 33, .test_w = 33});
    for (const Status& refused :
         {protocol->plan(sizes).status(), protocol->label(random_image(30, 60)).status()})
      BOOST_TEST(refused.message().find("base_size 100000") != std::string::npos, refused.message());
  }
}

BOOST_AUTO_TEST_CASE(a_crop_that_the_model_refuses) {
  const Net net;
  const auto refused = labelling::make_protocol({.test_h = 32, .test_w = 33}, net.program, net.weights);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.status().message().find("of the test") != std::string::npos, refused.status().message());
}
