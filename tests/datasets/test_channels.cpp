#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "datasets/augment.h"
#include "datasets/channel_counts.h"
#include "datasets/dataset.h"
#include "datasets/image_source.h"
#include "datasets/rows.h"
#include "datasets/shapes7.h"
#include "runtime/core/file.h"
#include "tests/datasets/image_files.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"

// Images that are more than 8-bit RGB.
using namespace graphrun;

namespace {

using Pixels = imaging::ImageForm::Pixels;

// What tests/oracle/tiff_files.py computes as well.
float number(Pixels pixels, std::int64_t y, std::int64_t x, std::int64_t c) {
  if (pixels == Pixels::u16) return static_cast<float>((y * 1031 + x * 257 + c * 4099) % 65536);
  if (pixels == Pixels::u8) return static_cast<float>((y * 7 + x * 3 + c * 50) % 256);
  return (static_cast<float>(y) - static_cast<float>(x) * 0.5F + static_cast<float>(c)) / 8;
}

std::int64_t differences(const imaging::Image& image, Pixels pixels) {
  std::int64_t found = 0;
  std::size_t i = 0;
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (std::int64_t c = 0; c < image.channels; ++c) found += image.values[i++] != number(pixels, y, x, c);
    }
  }
  return found;
}

imaging::Image numbers(std::int64_t height, std::int64_t width, std::int64_t channels, Pixels pixels) {
  imaging::Image image{height, width, {}, channels, {}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) image.values.push_back(number(pixels, y, x, c));
    }
  }
  return image;
}

// An array of 16-bit numbers as numpy.save writes it.
void write_npy(const std::filesystem::path& file, const std::string& shape,
               const std::vector<std::uint16_t>& data) {
  std::string dict = "{'descr': '<u2', 'fortran_order': False, 'shape': " + shape + ", }";
  dict.append(117 - dict.size(), ' ').append("\n");
  std::ofstream stream(file, std::ios::binary);
  stream << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(dict.size()) << '\0' << dict;
  stream.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(2 * data.size()));
}

std::vector<std::uint16_t> planes(std::int64_t height, std::int64_t width, std::int64_t channels) {
  std::vector<std::uint16_t> data;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x)
        data.push_back(static_cast<std::uint16_t>(number(Pixels::u16, y, x, c)));
    }
  }
  return data;
}

template <class T>
std::string error_of(const Result<T>& result) {
  return result.ok() ? "" : result.status().message();
}

std::vector<float> augmented(const imaging::Image& image, const datasets::AugmentSettings& settings,
                             std::uint32_t seed) {
  const datasets::Sample sample{image,
                                {image.height, image.width,
                                 std::vector<ClassId>(static_cast<std::size_t>(image.height * image.width))}};
  std::vector<float> out(static_cast<std::size_t>(settings.train_h * settings.train_w * settings.channels()));
  datasets::AugmentScratch scratch;
  const core::Random random(1, core::RandomPurpose::augment, 0, seed);
  test::require(
      datasets::apply(sample, settings, datasets::draw(settings, random), scratch, out.data(), nullptr));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(channels)

// Strips, tiles, planes, LZW, deflate, PackBits, predictors, both orders of bytes, BigTIFF.
BOOST_AUTO_TEST_CASE(tiffs_have_the_numbers_that_tifffile_wrote) {
  const std::filesystem::path folder =
      std::filesystem::path(GRAPHRUN_SOURCE_DIR) / "tests/datasets/golden/tiff";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const Pixels pixels = name.find("u16") != name.npos  ? Pixels::u16
                          : name.find("u8") != name.npos ? Pixels::u8
                                                         : Pixels::f32;
    const datasets::ImageSource source{{name.back() - '0', pixels}, {}};
    const imaging::Image image = test::require(datasets::read_image(entry.path(), source));
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(image.height == 19);
      BOOST_TEST(image.width == 40);
      BOOST_TEST(differences(image, pixels) == 0);
      const imaging::Extent size = test::require(datasets::read_image_size(entry.path(), source));
      BOOST_TEST((size == imaging::Extent{19, 40}));
    }
    ++files;
  }
  BOOST_TEST(files == 11);
}

BOOST_AUTO_TEST_CASE(grey_tiffs_are_labels) {
  const std::filesystem::path folder =
      std::filesystem::path(GRAPHRUN_SOURCE_DIR) / "tests/datasets/golden/tiff";
  const datasets::LabelImage label = test::require(datasets::read_label(folder / "packbits_u8_1.tif"));
  for (std::size_t i = 0; i < label.ids.size(); ++i) {
    const auto y = static_cast<std::int64_t>(i) / 40, x = static_cast<std::int64_t>(i) % 40;
    BOOST_TEST(static_cast<float>(label.ids[i]) == number(Pixels::u8, y, x, 0));
  }
  BOOST_TEST(error_of(datasets::read_label(folder / "lzw_predictor_u8_4.tif")).find("4 channels of 8 bits") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(arrays_are_images_in_both_orders_of_axes) {
  const test::Scratch scratch;
  const datasets::ImageSource source{{5, Pixels::u16}, {}};
  write_npy(scratch / "planes.npy", "(5, 6, 9)", planes(6, 9, 5));
  std::vector<std::uint16_t> pixels;
  for (const float value : numbers(6, 9, 5, Pixels::u16).values)
    pixels.push_back(static_cast<std::uint16_t>(value));
  write_npy(scratch / "pixels.npy", "(6, 9, 5)", pixels);
  for (const char* name : {"planes.npy", "pixels.npy"}) {
    const imaging::Image image = test::require(datasets::read_image(scratch / name, source));
    BOOST_TEST((image.height == 6 && image.width == 9 && image.channels == 5));
    BOOST_TEST(differences(image, Pixels::u16) == 0);
    BOOST_TEST((test::require(datasets::read_image_size(scratch / name, source)) == imaging::Extent{6, 9}));
  }
  BOOST_TEST(
      error_of(datasets::read_image(scratch / "planes.npy", {{4, Pixels::u16}, {}})).find("(5, 6, 9)") !=
      std::string::npos);
  BOOST_TEST(error_of(datasets::read_image(scratch / "planes.npy", {{5, Pixels::u8}, {}}))
                 .find("of 16 bits where 5 channels of 8 bits") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_of_an_image_are_its_channels) {
  const test::Scratch scratch;
  const datasets::ImageSource source{{3, Pixels::u16}, {"_b2.npy", "_b3.npy", "_b8.npy"}};
  const std::vector<std::uint16_t> all = planes(4, 7, 3);
  for (std::size_t c = 0; c < 3; ++c)
    write_npy(scratch / ("a" + source.files[c]), "(4, 7)",
              {all.begin() + 28 * static_cast<int>(c), all.begin() + 28 * static_cast<int>(c + 1)});
  const imaging::Image image = test::require(datasets::read_image(scratch / "a_b2.npy", source));
  BOOST_TEST(image.channels == 3);
  BOOST_TEST(differences(image, Pixels::u16) == 0);
  std::filesystem::remove(scratch / "a_b8.npy");
  BOOST_TEST(error_of(datasets::read_image(scratch / "a_b2.npy", source)).find("a_b8.npy") !=
             std::string::npos);
  BOOST_TEST(error_of(datasets::read_image(scratch / "a_b3.npy", source)).find("_b2.npy") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_of_an_image_have_as_many_channels_as_it) {
  const test::Scratch scratch;
  for (const char* name : {"a_1.png", "a_2.png", "a_3.png"})
    std::ofstream(scratch / name, std::ios::binary)
        << test::coded(".png", name[2] == '1' ? cv::Mat(2, 3, CV_8UC3) : cv::Mat(2, 3, CV_8UC1));
  const std::vector<std::string> files{"_1.png", "_2.png", "_3.png"};
  BOOST_TEST(test::require(datasets::read_image(scratch / "a_1.png", {{5, Pixels::u8}, files})).channels ==
             5);
  for (const std::int64_t channels : {4, 6})
    BOOST_TEST(error_of(datasets::read_image(scratch / "a_1.png", {{channels, Pixels::u8}, files}))
                   .find("has 5 or more channels in its 3 files") != std::string::npos);
}

// One bit a pixel of one colour: a picture of 16 megapixels is 2 kB, and three of them are no 48 million
// numbers.
BOOST_AUTO_TEST_CASE(numbers_of_several_files_are_bounded_by_all_their_bytes) {
  const test::Scratch scratch;
  const std::string png =
      test::coded(".png", cv::Mat::zeros(4096, 4096, CV_8U), {cv::IMWRITE_PNG_BILEVEL, 1});
  for (const char* name : {"a_1.png", "a_2.png", "a_3.png"})
    std::ofstream(scratch / name, std::ios::binary) << png;
  const datasets::ImageSource source{{3, Pixels::u8}, {"_1.png", "_2.png", "_3.png"}};
  BOOST_TEST(error_of(datasets::read_image(scratch / "a_1.png", source)).find("too short") !=
             std::string::npos);
}

// What is said of a seed of the fuzzer of TIFF.
std::string error_of_seed(const std::string& name) {
  const std::string file =
      test::require(core::read_file(GRAPHRUN_SOURCE_DIR "/tests/fuzz/seeds/tiff/" + name, 1 << 10));
  const datasets::BytesInMemory bytes(file);
  return error_of(datasets::open_stored_rows(bytes, false));
}

// 146 bytes with a tile of 256 MiB, which would be allocated before anything is read.
BOOST_AUTO_TEST_CASE(tiles_are_bounded_by_the_bytes_of_their_file) {
  BOOST_TEST(error_of_seed("large_tile.tif").find("too short for the size of tiles") != std::string::npos);
}

// A picture of 19 rows in 2771 tiles of 37 392 rows each, all of which would be decoded.
BOOST_AUTO_TEST_CASE(tiles_are_bounded_by_their_picture) {
  BOOST_TEST(error_of_seed("tall_tiles.tif").find("mostly outside of the picture") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_of_an_image_lie_below_the_root) {
  const test::Scratch scratch;
  std::filesystem::create_directories(scratch / "root/.F.");
  std::ofstream(scratch / "root/list.txt") << ".F./a.npy\n";
  datasets::Descriptor descriptor;
  descriptor.name = "bands";
  datasets::Split split;
  split.list = "list.txt";
  split.labelled = false;
  descriptor.splits["train"] = {split};
  const auto found = [&](const std::vector<std::string>& files) {
    descriptor.images = {{2, Pixels::u8}, files};
    return datasets::find_split_files(descriptor, "train", scratch.path() / "root");
  };
  BOOST_TEST(found({"F", "G"}).ok());
  BOOST_TEST(error_of(found({"F", "./."})).find("leads out of the data root") != std::string::npos);
  // Of the root's own path nothing is exchanged.
  BOOST_TEST(error_of(found({"root", "other"})).find("'root'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pngs_of_sixteen_bits_are_numbers_or_pictures) {
  const test::Scratch scratch;
  cv::Mat picture(5, 6, CV_16UC3);
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 6; ++x) {
      for (int c = 0; c < 3; ++c)  // OpenCV has blue first
        picture.at<cv::Vec3w>(y, x)[2 - c] = static_cast<std::uint16_t>(number(Pixels::u16, y, x, c));
    }
  }
  const std::string png = test::coded(".png", picture);
  std::ofstream(scratch / "a.png", std::ios::binary) << png;
  const imaging::Image stored =
      test::require(datasets::read_image(scratch / "a.png", {{3, Pixels::u16}, {}}));
  BOOST_TEST(differences(stored, Pixels::u16) == 0);
  const imaging::Image shown =
      test::require(datasets::read_image(scratch / "a.png", datasets::ImageSource{}));
  BOOST_TEST_REQUIRE(shown.is_rgb());
  for (std::size_t i = 0; i < shown.rgb.size(); ++i)
    BOOST_TEST(int{shown.rgb[i]} == static_cast<int>(stored.values[i]) / 256);
  BOOST_TEST(
      error_of(datasets::read_image(scratch / "a.png", {{7, Pixels::u16}, {}})).find("3 channels where 7") !=
      std::string::npos);
}

// Every channel is transformed as the only channel of an image is, and numbers up to 255 as colours are.
BOOST_AUTO_TEST_CASE(augmentation_treats_all_channels_alike) {
  datasets::AugmentSettings settings;
  settings.train_h = 17, settings.train_w = 23;
  settings.mean = {0, 1, 2, 3, 4, 5, 6};
  settings.std = {1, 2, 3, 4, 5, 6, 7};
  const imaging::Image image = numbers(30, 40, 7, Pixels::u8);
  imaging::Image rgb{30, 40, {}};
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    if (i % 7 < 3) rgb.rgb.push_back(static_cast<std::uint8_t>(image.values[i]));
  }
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    const std::vector<float> all = augmented(image, settings, seed);
    datasets::AugmentSettings of_rgb = settings;
    of_rgb.mean.resize(3), of_rgb.std.resize(3);
    const std::vector<float> colors = augmented(rgb, of_rgb, seed);
    for (std::size_t c = 0; c < 7; ++c) {
      imaging::Image single{30, 40, {}, 1, {}};
      for (std::size_t i = c; i < image.values.size(); i += 7) single.values.push_back(image.values[i]);
      datasets::AugmentSettings of_one = settings;
      of_one.mean = {settings.mean[c]}, of_one.std = {settings.std[c]};
      const std::vector<float> one = augmented(single, of_one, seed);
      std::int64_t different = 0;
      for (std::size_t i = 0; i < one.size(); ++i) {
        different += all[7 * i + c] != one[i];
        if (c < 3) different += all[7 * i + c] != colors[3 * i + c];
      }
      BOOST_TEST(different == 0);
    }
  }
  const datasets::Sample sample{rgb, {}};
  datasets::AugmentScratch scratch;
  const Status wrong = datasets::apply(sample, settings, {}, scratch, nullptr, nullptr);
  BOOST_TEST(wrong.message() == "the image has 3 channels, the network takes 7");
}

BOOST_AUTO_TEST_CASE(crop_and_weed_differ_in_one_channel) {
  std::array<std::array<double, 7>, 4> sums{};
  std::array<double, 4> pixels{};
  for (std::int64_t i = 0; i < 20; ++i) {
    const datasets::Sample sample = datasets::make_shapes7(1, i, 64, 64, 7);
    const datasets::Sample narrow = datasets::make_shapes7(1, i, 64, 64, 3);
    BOOST_TEST(narrow.label.ids == sample.label.ids);
    BOOST_TEST(narrow.image.values[3] == sample.image.values[7]);
    for (std::size_t p = 0; p < sample.label.ids.size(); ++p) {
      ++pixels[sample.label.ids[p]];
      for (std::size_t c = 0; c < 7; ++c)
        sums[sample.label.ids[p]][c] += static_cast<double>(sample.image.values[7 * p + c]);
    }
  }
  for (std::size_t c = 0; c < 7; ++c) {
    const double ratio = (sums[1][c] / pixels[1]) / (sums[2][c] / pixels[2]);
    BOOST_TEST((std::abs(ratio - 1) < 0.05) == (c != 5));
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_counted_by_channel) {
  datasets::ChannelCounts one, other;
  imaging::Image image{1, 101, {}, 2, {}};
  for (int i = 0; i <= 100; ++i) image.values.insert(image.values.end(), {static_cast<float>(i), 0.5F});
  one.add(image);
  other.add(image);
  one.merge(other);
  const std::vector<datasets::ChannelStatistics> found = one.statistics();
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[0].mean == 50);
  BOOST_TEST(found[0].deviation == std::sqrt(850.0), boost::test_tools::tolerance(1e-12));
  BOOST_TEST((found[0].low == 1 && found[0].median == 50 && found[0].high == 99));
  BOOST_TEST((found[1].mean == 0.5 && found[1].deviation == 0 && found[1].median == 0.5));
}

BOOST_AUTO_TEST_SUITE_END()
