#include <boost/test/unit_test.hpp>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "datasets/image_io.h"
#include "tests/datasets/image_files.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"

// A cut-off or damaged image is an error that names the file, whatever decoder could paint over it.
using namespace graphrun;
using graphrun::test::Scratch;

namespace {

std::map<std::string, std::string> files_of_all_kinds() {
  const cv::Mat picture = test::sample_picture(61, 83);
  cv::Mat grey, deep, grey_deep, alpha;
  cv::extractChannel(picture, grey, 1);
  picture.convertTo(deep, CV_16U, 257);
  grey.convertTo(grey_deep, CV_16U, 257);
  cv::cvtColor(picture, alpha, cv::COLOR_BGR2BGRA);
  return {{"baseline.jpg", test::coded(".jpg", picture)},
          {"progressive.jpg", test::coded(".jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1})},
          {"restarts.jpg", test::coded(".jpg", picture, {cv::IMWRITE_JPEG_RST_INTERVAL, 2})},
          {"grey.jpg", test::coded(".jpg", grey)},
          {"rgb.png", test::coded(".png", picture)},
          {"rgba.png", test::coded(".png", alpha)},
          {"grey.png", test::coded(".png", grey)},
          {"rgb16.png", test::coded(".png", deep)},
          {"grey16.png", test::coded(".png", grey_deep)},
          {"rgb.bmp", test::coded(".bmp", picture)},
          {"grey.bmp", test::coded(".bmp", grey)},
          {"rgb.ppm", test::coded(".ppm", picture)},
          {"grey.pgm", test::coded(".pgm", grey)},
          {"plain.tif", test::tiff(picture, 1)},
          {"lzw.tif", test::coded(".tif", picture, {cv::IMWRITE_TIFF_COMPRESSION, 5})},
          {"deflate.tif", test::coded(".tif", picture, {cv::IMWRITE_TIFF_COMPRESSION, 8})},
          {"lossy.webp", test::coded(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 80})},
          {"lossless.webp", test::coded(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101})}};
}

Status read(const Scratch& scratch, const std::string& name, const std::string& file) {
  test::require(core::write_file(scratch / name, file));
  return status_of(datasets::read_image(scratch / name));
}

}  // namespace

BOOST_AUTO_TEST_CASE(images_that_are_cut_off_are_errors_of_their_names) {
  const Scratch scratch;
  for (const auto& [name, file] : files_of_all_kinds()) {
    const Status whole = read(scratch, name, file);
    BOOST_TEST(whole.ok(), name << ": " << whole.message());
    for (const double part : {0.0, 0.01, 0.05, 0.3, 0.66, 0.9, 0.99, 1.0}) {
      // 1.0: all but the last byte.
      const auto bytes =
          std::min(file.size() - 1, static_cast<std::size_t>(part * static_cast<double>(file.size())));
      const Status cut = read(scratch, name, file.substr(0, bytes));
      BOOST_TEST(!cut.ok(), name << " of " << bytes << " of " << file.size() << " bytes is read");
      BOOST_TEST(cut.message().find(name) != std::string::npos, cut.message());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_checksum_is_an_error) {
  const Scratch scratch;
  for (const auto& [name, file] : files_of_all_kinds()) {
    if (!name.ends_with(".png")) continue;
    for (std::size_t byte = 0; byte < file.size(); byte += 7) {
      std::string bad = file;
      bad[byte] = static_cast<char>(bad[byte] ^ 0x10);
      BOOST_TEST(!read(scratch, name, bad).ok(), name << " with byte " << byte << " changed is read");
    }
  }
  const std::string described = test::png_with_chunk(files_of_all_kinds().at("rgb.png"), "tEXt",
                                                     "Comment" + std::string(1, '\0') + "x");
  BOOST_TEST(read(scratch, "text.png", described).ok());
  std::string bad = described;
  bad[described.find("Comment")] = 'c';
  BOOST_TEST(!read(scratch, "text.png", bad).ok());
}

BOOST_AUTO_TEST_CASE(a_jpeg_with_a_hole_is_an_error) {
  const Scratch scratch;
  for (const char* name : {"baseline.jpg", "progressive.jpg", "grey.jpg"}) {
    std::string file = files_of_all_kinds().at(name);
    std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(file.size() / 2), 200, '\0');
    BOOST_TEST(read(scratch, name, file).message().find("damaged JPEG") != std::string::npos, name);
  }
}

BOOST_AUTO_TEST_CASE(a_jpeg_with_bytes_too_many_is_whole) {
  const Scratch scratch;
  const std::string file = files_of_all_kinds().at("baseline.jpg");
  const std::string before_end = file.substr(0, file.size() - 2);
  BOOST_TEST(read(scratch, "trailer.jpg", file + std::string(1000, '\0') + "trailer").ok());
  BOOST_TEST(read(scratch, "extra.jpg", before_end + std::string("\x00\x12\x34", 3) + "\xFF\xD9").ok());
}

BOOST_AUTO_TEST_CASE(jpegs_that_are_not_read_say_so) {
  const Scratch scratch;
  std::string file = files_of_all_kinds().at("baseline.jpg");
  file[file.find("\xFF\xC0") + 4] = 12;  // bits a sample
  const Status status = read(scratch, "deep.jpg", file);
  BOOST_TEST((status.code() == ErrorCode::unsupported));
  BOOST_TEST(status.message().find("deep.jpg: is a JPEG of a kind that is not read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_that_are_no_images_say_what_they_are) {
  const Scratch scratch;
  const std::map<std::string, std::string> files = {
      {"", "is empty"},
      {"<!DOCTYPE html><html>429 Too many requests</html>", "is an HTML page"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"},
      {"GIF89a", "is a GIF image"},
      {"\x89PNG\r\n", "is cut off"},
      {std::string("\0\x05\x16\x07", 4) + std::string(30, 'x'), "AppleDouble"},
      {std::string(4096, '\0'), "zero bytes alone"},
      {"{\"shapes\": []}", "is a JSON file"},
      {"only words", "is a text file"}};
  for (const auto& [file, expected] : files) {
    const Status image = read(scratch, "a.png", file);
    BOOST_TEST(image.message().find(expected) != std::string::npos, image.message());
    const Status label = datasets::read_label(scratch / "a.png").status();
    BOOST_TEST(label.message().find(expected) != std::string::npos, label.message());
  }
  test::require(core::write_file(scratch / "label.png", test::tiff(test::sample_picture(5, 6), 1)));
  BOOST_TEST(datasets::read_label(scratch / "label.png").status().message().find("is a TIFF image") !=
             std::string::npos);
}
