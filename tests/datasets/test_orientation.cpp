#include <boost/test/unit_test.hpp>
#include <map>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "tests/datasets/image_files.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"

// Images are read as they are to be looked at, in every format, by pixels and by size alike.
using namespace graphrun;
using graphrun::test::Scratch;

namespace {

// As a viewer turns it.
cv::Mat turned(const cv::Mat& stored, int orientation) {
  cv::Mat out = stored.clone();
  switch (orientation) {
    case 2:
      cv::flip(stored, out, 1);
      break;
    case 3:
      cv::rotate(stored, out, cv::ROTATE_180);
      break;
    case 4:
      cv::flip(stored, out, 0);
      break;
    case 5:
      cv::transpose(stored, out);
      break;
    case 6:
      cv::rotate(stored, out, cv::ROTATE_90_CLOCKWISE);
      break;
    case 7:
      cv::rotate(stored.t(), out, cv::ROTATE_180);
      break;
    case 8:
      cv::rotate(stored, out, cv::ROTATE_90_COUNTERCLOCKWISE);
      break;
    default:
      break;
  }
  return out;
}

void check(const Scratch& scratch, const std::string& name, const std::string& file, const cv::Mat& stored,
           int orientation) {
  BOOST_TEST_CONTEXT(name << ", orientation " << orientation) {
    test::require(core::write_file(scratch / name, file));
    const cv::Mat expected = turned(stored, orientation);
    const imaging::Image image = test::require(datasets::read_image(scratch / name));
    BOOST_REQUIRE(image.height == expected.rows);
    BOOST_REQUIRE(image.width == expected.cols);
    const imaging::Extent size = test::require(datasets::read_image_size(scratch / name));
    BOOST_TEST((size == imaging::Extent{image.height, image.width}));
    std::size_t different = 0;
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      different += image.rgb[i] != expected.data[i / 3 * 3 + 2 - i % 3];
    BOOST_TEST(different == 0u);
  }
}

const std::vector<int> kBest = {cv::IMWRITE_JPEG_QUALITY, 100};

}  // namespace

BOOST_AUTO_TEST_CASE(all_formats_are_turned_alike) {
  const Scratch scratch;
  const cv::Mat picture = test::sample_picture(20, 30);
  cv::Mat alpha, grey, deep;
  cv::cvtColor(picture, alpha, cv::COLOR_BGR2BGRA);
  cv::extractChannel(picture, grey, 1);
  picture.convertTo(deep, CV_16U, 257);
  cv::Mat grey_picture;
  cv::merge(std::vector<cv::Mat>{grey, grey, grey}, grey_picture);
  const std::string jpeg = test::coded(".jpg", picture, kBest);
  const cv::Mat of_jpeg = cv::imdecode(std::vector<std::uint8_t>(jpeg.begin(), jpeg.end()), cv::IMREAD_COLOR);
  const std::string webp = test::coded(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101});
  for (int orientation = 0; orientation <= 9; ++orientation) {
    const std::string exif = test::exif(orientation), tiff = exif.substr(6);
    check(scratch, "a.jpg", test::jpeg_with_app1(jpeg, exif), of_jpeg, orientation);
    for (const auto& [name, mat] :
         std::map<std::string, cv::Mat>{{"rgb.png", picture}, {"rgba.png", alpha}, {"deep.png", deep}})
      check(scratch, name, test::png_with_chunk(test::coded(".png", mat), "eXIf", tiff), picture,
            orientation);
    check(scratch, "grey.png", test::png_with_chunk(test::coded(".png", grey), "eXIf", tiff), grey_picture,
          orientation);
    check(scratch, "a.webp", test::webp_with_exif(webp, 20, 30, tiff), picture, orientation);
    check(scratch, "a.tif", test::tiff(picture, orientation), picture, orientation);
  }
}

BOOST_AUTO_TEST_CASE(exif_of_cameras_and_of_nobody) {
  const Scratch scratch;
  const cv::Mat picture = test::sample_picture(20, 30);
  const std::string jpeg = test::coded(".jpg", picture, kBest);
  const auto size = [&](const std::string& app1) {
    test::require(core::write_file(scratch / "a.jpg", test::jpeg_with_app1(jpeg, app1)));
    return test::require(datasets::read_image_size(scratch / "a.jpg"));
  };
  const imaging::Extent stored{20, 30}, turned{30, 20};
  BOOST_TEST((size(test::exif(6, false)) == turned));
  BOOST_TEST((size(test::exif(6, true, 0xFFFFFFFF)) == stored));
  BOOST_TEST((size("Exif") == stored));
  const std::string whole = test::exif(6);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    size(whole.substr(0, length));
    BOOST_TEST(datasets::read_image(scratch / "a.jpg").ok());
  }
  // XMP is in an APP1 of its own, before or after.
  test::require(core::write_file(
      scratch / "xmp.jpg",
      test::jpeg_with_app1(test::jpeg_with_app1(jpeg, whole), "http://ns.adobe.com/xap/1.0/\0<x/>")));
  BOOST_TEST((test::require(datasets::read_image_size(scratch / "xmp.jpg")) == turned));
}

BOOST_AUTO_TEST_CASE(labels_are_turned_by_their_own_orientation_alone) {
  const Scratch scratch;
  cv::Mat ids(2, 3, CV_8U);
  for (int i = 0; i < 6; ++i) ids.data[i] = static_cast<std::uint8_t>(i);
  const std::string png = test::coded(".png", ids);
  test::require(core::write_file(scratch / "a.png", png));
  BOOST_TEST((test::require(datasets::read_label(scratch / "a.png")).ids ==
              std::vector<std::uint16_t>{0, 1, 2, 3, 4, 5}));
  test::require(
      core::write_file(scratch / "a.png", test::png_with_chunk(png, "eXIf", test::exif(6).substr(6))));
  const datasets::LabelImage label = test::require(datasets::read_label(scratch / "a.png"));
  BOOST_TEST((label.height == 3 && label.width == 2));
  BOOST_TEST((label.ids == std::vector<std::uint16_t>{3, 0, 4, 1, 5, 2}));
}

BOOST_AUTO_TEST_CASE(sizes_that_differ_by_a_turn_are_told_with_exif) {
  const Scratch scratch;
  const std::string jpeg = test::coded(".jpg", test::sample_picture(20, 30));
  test::require(core::write_file(scratch / "a.jpg", test::jpeg_with_app1(jpeg, test::exif(6))));
  test::require(datasets::write_gray_png(scratch / "a.png", {20, 30, std::vector<ClassId>(600)}));
  test::require(core::write_file(scratch / "train.txt", "a.jpg a.png\n"));
  const auto descriptor = test::require(datasets::parse_descriptor(
      R"({"name": "t", "classes": [{"name": "a", "color": [1, 0, 0]}], "labels": {"identity": 1},
          "splits": {"train": {"list": "train.txt"}}})",
      "t.json"));
  const auto data = test::require(datasets::open_dataset(descriptor, "train", scratch.path()));
  const std::string message = data->load(0).status().message();
  BOOST_TEST(
      message.find("20 x 30 (stored as 30 x 20, turned by its EXIF orientation 6)") != std::string::npos,
      message);
  BOOST_TEST(message.find("take the orientation out of the image") != std::string::npos, message);
}
