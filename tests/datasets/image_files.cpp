#include "tests/datasets/image_files.h"

#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace graphrun::test {

namespace {

std::string number(std::uint32_t value, int bytes, bool little) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text.push_back(static_cast<char>(value >> (8 * (little ? i : bytes - 1 - i)) & 0xff));
  return text;
}

}  // namespace

cv::Mat sample_picture(int height, int width) {
  cv::Mat small(7, 11, CV_8UC3), picture;
  cv::theRNG().state = 1;
  cv::randu(small, 0, 256);
  cv::resize(small, picture, {width, height}, 0, 0, cv::INTER_CUBIC);
  return picture;
}

std::string coded(const std::string& suffix, const cv::Mat& picture, const std::vector<int>& options) {
  std::vector<std::uint8_t> bytes;
  BOOST_REQUIRE(cv::imencode(suffix, picture, bytes, options));
  return {bytes.begin(), bytes.end()};
}

std::string exif(int orientation, bool little, std::uint32_t directory) {
  const auto put = [&](std::uint32_t value, int bytes) { return number(value, bytes, little); };
  return std::string("Exif\0\0", 6) + (little ? "II" : "MM") + put(42, 2) + put(directory, 4) + put(2, 2) +
         put(0x100, 2) + put(3, 2) + put(1, 4) + put(7, 2) + put(0, 2) + put(0x112, 2) + put(3, 2) +
         put(1, 4) + put(static_cast<std::uint32_t>(orientation), 2) + put(0, 2) + put(0, 4);
}

std::string jpeg_with_app1(const std::string& jpeg, const std::string& app1) {
  return jpeg.substr(0, 2) + "\xFF\xE1" + number(static_cast<std::uint32_t>(app1.size() + 2), 2, false) +
         app1 + jpeg.substr(2);
}

std::string png_with_chunk(const std::string& png, const std::string& kind, const std::string& data) {
  constexpr std::size_t kAfterHeader = 33;
  const std::string body = kind + data;
  const auto checksum = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
  return png.substr(0, kAfterHeader) + number(static_cast<std::uint32_t>(data.size()), 4, false) + body +
         number(checksum, 4, false) + png.substr(kAfterHeader);
}

std::string webp_with_exif(const std::string& webp, int height, int width, const std::string& exif) {
  constexpr std::uint32_t kHasExif = 8;
  const auto little = [](std::uint32_t value, int bytes) { return number(value, bytes, true); };
  const std::string even = exif.size() % 2 == 0 ? exif : exif + '\0';
  const std::string chunks = "VP8X" + little(10, 4) + little(kHasExif, 4) +
                             little(static_cast<std::uint32_t>(width - 1), 3) +
                             little(static_cast<std::uint32_t>(height - 1), 3) + webp.substr(12) + "EXIF" +
                             little(static_cast<std::uint32_t>(exif.size()), 4) + even;
  return "RIFF" + little(static_cast<std::uint32_t>(chunks.size() + 4), 4) + "WEBP" + chunks;
}

std::string tiff(const cv::Mat& picture, int orientation) {
  const auto little = [](std::uint32_t value, int bytes) { return number(value, bytes, true); };
  cv::Mat rgb;
  cv::cvtColor(picture, rgb, cv::COLOR_BGR2RGB);
  const std::string pixels(reinterpret_cast<const char*>(rgb.data), rgb.total() * 3);
  const std::uint32_t entries[][4] = {{0x100, 4, 1, static_cast<std::uint32_t>(picture.cols)},
                                      {0x101, 4, 1, static_cast<std::uint32_t>(picture.rows)},
                                      {0x102, 3, 1, 8},
                                      {0x103, 3, 1, 1},
                                      {0x106, 3, 1, 2},
                                      {0x111, 4, 1, 8},
                                      {0x112, 3, 1, static_cast<std::uint32_t>(orientation)},
                                      {0x115, 3, 1, 3},
                                      {0x116, 4, 1, static_cast<std::uint32_t>(picture.rows)},
                                      {0x117, 4, 1, static_cast<std::uint32_t>(pixels.size())}};
  std::string directory = little(std::size(entries), 2);
  for (const auto& [tag, type, count, value] : entries)
    directory += little(tag, 2) + little(type, 2) + little(count, 4) + little(value, 4);
  return "II*" + std::string(1, '\0') + little(static_cast<std::uint32_t>(8 + pixels.size()), 4) + pixels +
         directory + little(0, 4);
}

}  // namespace graphrun::test
