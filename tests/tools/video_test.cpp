#include <array>
#include <boost/test/unit_test.hpp>

#include "datasets/image_io.h"
#include "datasets/video.h"
#include "graphrun/label_smoother.h"
#include "tests/tools/command_folder.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kHeight = 61, kWidth = 83;  // odd, as encoders do not like them

imaging::Image frame(int number) {
  imaging::Image image{kHeight, kWidth, {}};
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      image.rgb.push_back(static_cast<std::uint8_t>(20 * number));
      image.rgb.push_back(static_cast<std::uint8_t>(2 * x));
      image.rgb.push_back(static_cast<std::uint8_t>(3 * y));
    }
  }
  return image;
}

void write_video(const std::string& path, int frames) {
  auto video = take(datasets::VideoWriter::create(path, {kHeight, kWidth}, 12.5));
  for (int i = 0; i < frames; ++i) require_ok(video.write(frame(i)));
  require_ok(video.commit());
}

double mean_error(const imaging::Image& picture, const imaging::Image& wanted) {
  double sum = 0;
  for (std::int64_t y = 0; y < wanted.height; ++y) {
    for (std::int64_t i = 0; i < 3 * wanted.width; ++i)
      sum += std::abs(picture.rgb[static_cast<std::size_t>(3 * y * picture.width + i)] -
                      wanted.rgb[static_cast<std::size_t>(3 * y * wanted.width + i)]);
  }
  return sum / static_cast<double>(wanted.rgb.size());
}

LabelMap two_classes(float first) {
  return {
      1, 1, {static_cast<ClassId>(first >= 0.5f ? 0 : 1)}, {std::max(first, 1 - first)}, {first, 1 - first}};
}

const std::string kOptions = " --weights $GOLDEN/start.safetensors --dataset camvid --set base_size=0 -q";

}  // namespace

BOOST_AUTO_TEST_CASE(a_video_is_read_as_it_was_written) {
  const CommandFolder shell;
  const std::string path = shell.path("v.mp4").string();
  write_video(path, 5);
  const auto video = take(datasets::open_video(path));
  BOOST_TEST(video->size().height == kHeight + 1);
  BOOST_TEST(video->size().width == kWidth + 1);
  BOOST_TEST(video->rate() == 12.5);
  BOOST_TEST(video->frames() == 5);
  imaging::Image picture;
  std::string reason;
  for (int i = 0; i < 5; ++i) {
    BOOST_REQUIRE(video->next(picture, reason));
    BOOST_TEST(mean_error(picture, frame(i)) < 6);  // compressed
  }
  BOOST_TEST(!video->next(picture, reason));
  BOOST_TEST(reason.empty());
}

BOOST_AUTO_TEST_CASE(every_frame_of_a_video_is_labelled) {
  CommandFolder shell;
  write_video(shell.path("drive.mp4").string(), 4);
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -D width=8 -o net.fb");
  shell.succeed("grun predict net.fb --video drive.mp4 -o out --confidence" + kOptions);
  // The frames as pictures, decoded alike, have the same labels.
  const auto video = take(datasets::open_video(shell.path("drive.mp4")));
  fs::create_directory(shell.path("frames"));
  imaging::Image picture;
  std::string reason;
  for (int i = 0; video->next(picture, reason); ++i)
    require_ok(
        datasets::write_rgb_png(shell.path("frames/drive-00000" + std::to_string(i) + ".png"), picture));
  shell.succeed("grun predict net.fb frames -o pictures" + kOptions);
  for (int i = 0; i < 4; ++i) {
    const std::string name = "gray/drive-00000" + std::to_string(i) + ".png";
    BOOST_TEST(shell.text("out/" + name) == shell.text("pictures/" + name));
    BOOST_TEST(shell.has("out/confidence/drive-00000" + std::to_string(i) + ".png"));
  }
  BOOST_TEST(!shell.has("out/gray/drive-000004.png"));
  BOOST_TEST(take(datasets::open_video(shell.path("out/overlay/drive.mp4")))->frames() == 4);
  shell.succeed("grun predict net.fb --video drive.mp4 -o smooth --smooth 0.8" + kOptions);
  BOOST_TEST(shell.text("smooth/gray/drive-000000.png") == shell.text("out/gray/drive-000000.png"));
  BOOST_TEST(shell.has("smooth/gray/drive-000003.png"));
}

BOOST_AUTO_TEST_CASE(what_is_no_video_is_refused_by_name) {
  CommandFolder shell;
  shell.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -D width=8 -o net.fb");
  require_ok(core::write_file(shell.path("text.mp4"), std::string_view("no video")));
  shell.fail("grun predict net.fb --video text.mp4 -o out" + kOptions, 1, {"text.mp4", "is no video"});
  shell.fail("grun predict net.fb --video none.mp4 -o out" + kOptions, 1, {"none.mp4"});
  shell.fail("grun predict net.fb -o out" + kOptions, 2, {"give images"});
  BOOST_TEST(!shell.has("out/overlay"));
}

BOOST_AUTO_TEST_CASE(probabilities_are_averaged_over_frames) {
  LabelSmoother smoother(0.75);
  BOOST_TEST(take(smoother.next(two_classes(1))).ids[0] == 0);
  // 0.75 of the first frame and 0.25 of the second, and so on: 0.75^n falls below a half with the third.
  for (const auto& [wanted, confidence] :
       {std::pair(0, 0.75f), std::pair(0, 0.5625f), std::pair(1, 0.578125f)}) {
    const LabelMap map = take(smoother.next(two_classes(0)));
    BOOST_TEST(map.ids[0] == wanted);
    BOOST_TEST(map.confidence[0] == confidence);
  }
  smoother.reset();
  BOOST_TEST(take(smoother.next(two_classes(0.25f))).confidence[0] == 0.75f);
  BOOST_TEST(!smoother.next({1, 1, {0}}).ok());
  BOOST_TEST(!LabelSmoother(1).next(two_classes(1)).ok());
}
