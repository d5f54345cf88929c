#include <png.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <sstream>
#include <tuple>

#include "datasets/image_io.h"
#include "datasets/png_codec.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tests/skip.h"

using namespace graphrun;
using graphrun::test::Scratch;

namespace {

// A PNG of any kind: `bytes` are the packed rows.
std::string make_png(int width, int height, int depth, int color, int interlace,
                     std::vector<std::uint8_t> bytes) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto write = [](png_structp p, png_bytep data, std::size_t count) {
    static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), count);
  };
  png_set_write_fn(png, &out, write, [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, color,
               interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  const png_color palette[4] = {{0, 0, 0}, {128, 0, 0}, {0, 128, 0}, {9, 9, 9}};
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (int y = 0; y < height; ++y)
    rows.push_back(bytes.data() +
                   bytes.size() / static_cast<std::size_t>(height) * static_cast<std::size_t>(y));
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::vector<std::uint16_t> ids_of(const std::string& png) {
  return test::require(datasets::decode_label_png(png)).ids;
}

std::string error_of(const std::string& png) {
  const auto label = datasets::decode_label_png(png);
  return label.ok() ? "" : label.status().message();
}

using Ids = std::vector<std::uint16_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(labels_are_read_as_stored_numbers) {
  BOOST_TEST(ids_of(make_png(4, 1, 1, PNG_COLOR_TYPE_GRAY, 0, {0b10110000})) == (Ids{1, 0, 1, 1}));
  BOOST_TEST(ids_of(make_png(4, 1, 2, PNG_COLOR_TYPE_GRAY, 0, {0b11100100})) == (Ids{3, 2, 1, 0}));
  BOOST_TEST(ids_of(make_png(3, 1, 4, PNG_COLOR_TYPE_GRAY, 0, {0xF1, 0x20})) == (Ids{15, 1, 2}));
  BOOST_TEST(ids_of(make_png(2, 2, 8, PNG_COLOR_TYPE_GRAY, 0, {255, 1, 0, 7})) == (Ids{255, 1, 0, 7}));
  BOOST_TEST(ids_of(make_png(2, 1, 16, PNG_COLOR_TYPE_GRAY, 0, {0x01, 0x02, 0xFF, 0xFE})) ==
             (Ids{0x0102, 0xFFFE}));
  BOOST_TEST(ids_of(make_png(4, 1, 8, PNG_COLOR_TYPE_PALETTE, 0, {3, 0, 2, 1})) == (Ids{3, 0, 2, 1}));
  BOOST_TEST(ids_of(make_png(4, 1, 2, PNG_COLOR_TYPE_PALETTE, 0, {0b11001001})) == (Ids{3, 0, 2, 1}));
  const Ids interlaced = ids_of(make_png(3, 3, 8, PNG_COLOR_TYPE_GRAY, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8}));
  BOOST_TEST(interlaced == (Ids{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

BOOST_AUTO_TEST_CASE(a_palette_comes_with_its_label) {
  const auto label = datasets::decode_label_png(make_png(1, 1, 8, PNG_COLOR_TYPE_PALETTE, 0, {1}));
  BOOST_REQUIRE(label.ok());
  BOOST_REQUIRE(label->palette.size() == 4);
  BOOST_TEST((label->palette[1] == imaging::Color{128, 0, 0}));
}

BOOST_AUTO_TEST_CASE(colour_pictures_are_no_labels) {
  const std::string rgb = error_of(make_png(1, 1, 8, PNG_COLOR_TYPE_RGB, 0, {1, 2, 3}));
  BOOST_TEST(rgb.find("RGB colour picture") != std::string::npos);
  const std::string alpha = error_of(make_png(1, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, {1, 255}));
  BOOST_TEST(alpha.find("alpha") != std::string::npos);
  BOOST_TEST(error_of("\xFF\xD8 not a label").find("header") != std::string::npos);
  BOOST_TEST(error_of("something").find("is a text file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(damaged_labels_are_errors_not_crashes) {
  std::vector<std::uint8_t> pixels(31 * 17);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i % 4);
  for (const int color : {PNG_COLOR_TYPE_PALETTE, PNG_COLOR_TYPE_GRAY}) {
    const std::string good = make_png(31, 17, 8, color, 1, pixels);
    for (std::size_t length = 0; length < good.size(); ++length)
      BOOST_REQUIRE(!error_of(good.substr(0, length)).empty());
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      BOOST_REQUIRE(!error_of(bad).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(huge_claims_are_refused_before_memory_is_taken) {
  std::string png = make_png(1, 1, 8, PNG_COLOR_TYPE_GRAY, 0, {1});
  for (const int at : {18, 22}) png[static_cast<std::size_t>(at)] = 0x3F;  // 16129 x 16129
  BOOST_TEST(error_of(png).find("too short") != std::string::npos);
  png[16] = 0x7F;
  BOOST_TEST(error_of(png).find("a side of more than") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(label_maps_written_are_read_back) {
  const Scratch scratch;
  const imaging::LabelMap map{2, 3, {0, 1, 2, 2, 255, 0}};
  const std::vector<imaging::Color> palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "gray.png", map).ok());
  BOOST_REQUIRE(datasets::write_palette_png(scratch / "color.png", map, palette).ok());
  const auto gray = datasets::read_label(scratch / "gray.png");
  const auto color = datasets::read_label(scratch / "color.png");
  BOOST_REQUIRE((gray.ok() && color.ok()));
  BOOST_TEST(gray->ids == (Ids{0, 1, 2, 2, 255, 0}));
  BOOST_TEST(color->ids == gray->ids);
  BOOST_TEST((color->palette.at(2) == imaging::Color{7, 8, 9}));
  const auto picture = datasets::read_image(scratch / "color.png");
  BOOST_REQUIRE(picture.ok());
  BOOST_TEST((picture->rgb[3] == 4 && picture->rgb[4] == 5 && picture->rgb[5] == 6));
  BOOST_TEST(!datasets::write_gray_png(scratch / "no" / "folder.png", map).ok());
}

BOOST_AUTO_TEST_CASE(ids_of_many_classes_take_16_bits) {
  const Scratch scratch;
  constexpr std::int64_t kClasses = 1000;
  const imaging::LabelMap map{1, 4, {0, 255, 999, imaging::kIgnoredClass}};
  test::require(datasets::write_gray_png(scratch / "wide.png", map, kClasses));
  BOOST_TEST(test::require(datasets::read_label(scratch / "wide.png")).ids == map.ids);
  const Status narrow = datasets::write_gray_png(scratch / "narrow.png", map);
  BOOST_TEST((!narrow.ok() && narrow.message().find("999") != std::string::npos));
  const std::vector<imaging::Color> palette(kClasses, {7, 8, 9});
  test::require(datasets::write_palette_png(scratch / "color.png", map, palette));
  const auto picture = test::require(datasets::read_image(scratch / "color.png"));
  BOOST_TEST((picture.rgb == std::vector<std::uint8_t>{7, 8, 9, 7, 8, 9, 7, 8, 9, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(names_may_be_as_long_as_the_system_takes) {
  const Scratch scratch;
  const std::string name = std::string(251, 'n') + ".png";
  test::require(datasets::write_gray_png(scratch / name, {1, 2, {3, 1}}));
  BOOST_TEST(test::require(datasets::read_label(scratch / name)).ids == (Ids{3, 1}));
}

BOOST_AUTO_TEST_CASE(ignored_pixels_are_255_in_8_bits) {
  const Scratch scratch;
  test::require(datasets::write_gray_png(scratch / "gray.png", {1, 2, {3, imaging::kIgnoredClass}}));
  BOOST_TEST(test::require(datasets::read_label(scratch / "gray.png")).ids == (Ids{3, 255}));
}

BOOST_AUTO_TEST_CASE(images_are_rgb) {
  const Scratch scratch;
  const imaging::Image image{1, 2, {10, 20, 30, 40, 50, 60}};
  BOOST_REQUIRE(datasets::write_rgb_png(scratch / "a.png", image).ok());
  const auto read = datasets::read_image(scratch / "a.png");
  BOOST_REQUIRE(read.ok());
  BOOST_TEST((read->height == 1 && read->width == 2 && read->rgb == image.rgb));
  std::ofstream(scratch / "a.ppm") << "P3\n# two pixels\n2 1 255\n10 20 30 40 50 60\n";
  const auto ppm = datasets::read_image(scratch / "a.ppm");
  BOOST_REQUIRE(ppm.ok());
  BOOST_TEST(ppm->rgb == image.rgb);
  const auto missing = datasets::read_image(scratch / "b.png");
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST((missing.status().code() == ErrorCode::not_found));
  BOOST_TEST(missing.status().message().find("b.png") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(photographs_of_all_kinds_are_read_as_rgb) {
  // golden/make_kinds.py
  for (const auto& entry :
       std::filesystem::directory_iterator(GRAPHRUN_SOURCE_DIR "/tests/datasets/golden/kinds")) {
    BOOST_TEST_CONTEXT(entry.path().filename()) {
      const imaging::Image read = test::require(datasets::read_image(entry.path()));
      BOOST_TEST((read.height == 8 && read.width == 16));
      const bool gray = entry.path().filename().string().starts_with("gray");
      const int left[3] = {gray ? 122 : 200, gray ? 122 : 100, gray ? 122 : 30};
      const int right[3] = {gray ? 72 : 40, gray ? 72 : 60, gray ? 72 : 220};
      for (int c = 0; c < 3; ++c) {
        BOOST_TEST(std::abs(read.rgb[static_cast<std::size_t>(3 * (16 * 4 + 3) + c)] - left[c]) <= 4);
        BOOST_TEST(std::abs(read.rgb[static_cast<std::size_t>(3 * (16 * 4 + 12) + c)] - right[c]) <= 4);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(overlays_mix_class_colours_in) {
  const imaging::Image image{1, 3, {100, 100, 100, 100, 100, 100, 100, 100, 100}};
  const std::vector<imaging::Color> palette = {{200, 0, 100}};
  const imaging::Image mixed = datasets::overlay(image, {1, 3, {0, 1, 255}}, palette, 0.5F);
  BOOST_TEST(mixed.rgb == (std::vector<std::uint8_t>{150, 50, 100, 100, 100, 100, 100, 100, 100}));
}

const std::string kSampled[] = {"ade20k", "voc2012"};

BOOST_TEST_DECORATOR(*test::needs("samples"))
BOOST_DATA_TEST_CASE(real_labels_have_the_documented_histograms, boost::unit_test::data::make(kSampled),
                     set) {
  const auto folder = test::shared_data("samples/" + set);
  if (!folder) return test::skip("no samples of " + set);
  std::ifstream lines(*folder / "label_histograms.txt");
  int files = 0;
  for (std::string text; std::getline(lines, text);) {
    if (text.empty() || text[0] == '#') continue;
    std::istringstream line(text);
    std::string file, size;
    line >> file >> size;
    if (!std::filesystem::exists(*folder / file)) continue;
    const auto label = datasets::read_label(*folder / file);
    BOOST_REQUIRE_MESSAGE(label.ok(), file);
    std::map<int, std::int64_t> histogram;
    for (const std::uint16_t id : label->ids) ++histogram[id];
    std::string found;
    for (const auto& [id, count] : histogram) found += " " + std::to_string(id) + ":" + std::to_string(count);
    std::string expected;
    std::getline(line, expected);
    BOOST_TEST(found == expected);
    ++files;
  }
  BOOST_TEST(files >= 4);
}

// PNG and JPEG of the usual kinds do not pass through OpenCV's codecs, and must not show it.
BOOST_AUTO_TEST_CASE(images_are_decoded_as_opencv_decodes_them) {
  const Scratch scratch;
  const auto check = [&](const std::string& name, const std::vector<std::uint8_t>& coded) {
    test::require(core::write_file(scratch / name, std::as_bytes(std::span(coded))));
    const imaging::Image image = test::require(datasets::read_image(scratch / name));
    const cv::Mat bgr = cv::imdecode(coded, cv::IMREAD_COLOR);
    BOOST_REQUIRE(image.height == bgr.rows && image.width == bgr.cols);
    std::size_t different = 0;
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      different += image.rgb[i] != bgr.data[i / 3 * 3 + 2 - i % 3];
    BOOST_TEST(different == 0u, name);
  };
  cv::Mat small(17, 23, CV_8UC3), picture;
  cv::theRNG().state = 1;
  cv::randu(small, 0, 256);
  cv::resize(small, picture, {131, 77}, 0, 0, cv::INTER_CUBIC);
  cv::Mat grey, deep;
  cv::extractChannel(picture, grey, 1);
  picture.convertTo(deep, CV_16U, 257);
  std::vector<std::uint8_t> coded;
  for (const auto& [name, mat, options] : std::vector<std::tuple<std::string, cv::Mat, std::vector<int>>>{
           {"color.jpg", picture, {}},
           {"progressive.jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1, cv::IMWRITE_JPEG_QUALITY, 50}},
           {"grey.jpg", grey, {}},
           {"color.png", picture, {}},
           {"grey.png", grey, {}},
           {"deep.png", deep, {}},
           {"color.bmp", picture, {}},
           {"color.ppm", picture, {}}}) {
    BOOST_REQUIRE(cv::imencode(name.substr(name.find('.')), mat, coded, options));
    check(name, coded);
  }
}
