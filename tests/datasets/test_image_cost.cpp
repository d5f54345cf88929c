#include <zlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "datasets/image_io.h"
#include "tests/datasets/scratch.h"

// Image files that are short and whole, and would take minutes or gigabytes.
using namespace graphrun;
using namespace graphrun::test;

namespace {

std::string big(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string segment(int marker, const std::string& content) {
  return '\xFF' + big(static_cast<std::uint32_t>(marker), 1) +
         big(static_cast<std::uint32_t>(content.size()) + 2, 2) + content;
}

// A grey progressive JPEG: one scan of the means, then so many that say "nothing here" of every block.
std::string progressive(std::uint32_t side, int scans) {
  const std::string zeros(15, '\0');
  std::string file = "\xFF\xD8" + segment(0xDB, std::string(1, '\0') + std::string(64, '\1'));
  file += segment(0xC2, big(8, 1) + big(side, 2) + big(side, 2) + std::string("\1\1\x11\0", 4));
  file += segment(0xC4, std::string(1, '\0') + "\1" + zeros + std::string(1, '\0'));
  file += segment(0xC4, "\x10\1" + zeros + "\xE0");
  const std::uint32_t blocks = side / 8 * (side / 8);
  file += segment(0xDA, std::string("\1\1\0\0\0\0", 6)) + std::string(blocks / 8, '\0');
  // A code of one bit and 14 more pass over 16384 blocks.
  const std::uint32_t runs = (blocks + 16383) / 16384;
  for (int i = 0; i < scans; ++i)
    file += segment(0xDA, std::string("\1\1\0\1\x3F\0", 6)) + std::string((runs * 15 + 7) / 8, '\0');
  return file + "\xFF\xD9";
}

std::string chunk(const std::string& type, const std::string& content) {
  const std::string body = type + content;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big(static_cast<std::uint32_t>(content.size()), 4) + body + big(static_cast<std::uint32_t>(sum), 4);
}

std::string deflated(const std::string& content) {
  uLongf size = compressBound(static_cast<uLong>(content.size()));
  std::string packed(size, '\0');
  BOOST_REQUIRE(compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                          reinterpret_cast<const Bytef*>(content.data()), static_cast<uLong>(content.size()),
                          9) == Z_OK);
  packed.resize(size);
  return packed;
}

// One grey or RGB pixel, after so many texts of 8 million letters each.
std::string with_texts(int count, int color) {
  std::string file = "\x89PNG\r\n\x1A\n" +
                     chunk("IHDR", big(1, 4) + big(1, 4) + big(8, 1) +
                                       big(static_cast<std::uint32_t>(color), 1) + std::string(3, '\0'));
  const std::string text = "key" + std::string(2, '\0') + deflated(std::string(7'900'000, 'a'));
  for (int i = 0; i < count; ++i) file += chunk("zTXt", text);
  return file + chunk("IDAT", deflated(std::string(color == 0 ? 2 : 4, '\0'))) + chunk("IEND", "");
}

std::string error_of(const Scratch& scratch, const std::string& file) {
  BOOST_REQUIRE(core::write_file(scratch / "image", file).ok());
  const auto image = datasets::read_image(scratch / "image");
  BOOST_REQUIRE(!image.ok());
  return image.status().message();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_cost)

BOOST_AUTO_TEST_CASE(a_header_alone_asks_for_no_pixels) {
  const Scratch scratch;
  const std::string file = progressive(16384, 0).substr(0, 200);
  BOOST_TEST(error_of(scratch, file).find("too short for the size that it claims") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(scans_are_counted_before_they_are_decoded) {
  const Scratch scratch;
  BOOST_TEST(error_of(scratch, progressive(16384, 20000)).find("more scans") != std::string::npos);
  BOOST_TEST(error_of(scratch, progressive(16384, 100)).find("more scans") != std::string::npos);
  BOOST_TEST(error_of(scratch, progressive(256, 600)).find("more scans") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(some_scans_are_usual) {
  const Scratch scratch;
  BOOST_REQUIRE(core::write_file(scratch / "image", progressive(256, 60)).ok());
  const auto image = datasets::read_image(scratch / "image");
  BOOST_REQUIRE_MESSAGE(image.ok(), (image.ok() ? "" : image.status().message()));
  BOOST_TEST(image->width == 256);
}

BOOST_AUTO_TEST_CASE(texts_of_a_png_take_no_memory) {
  const Scratch scratch;
  for (const int color : {0, 2}) {
    BOOST_REQUIRE(core::write_file(scratch / "image", with_texts(200, color)).ok());
    const auto image = datasets::read_image(scratch / "image");
    BOOST_REQUIRE_MESSAGE(image.ok(), (image.ok() ? "" : image.status().message()));
    BOOST_TEST(image->width == 1);
  }
  BOOST_REQUIRE(core::write_file(scratch / "label", with_texts(200, 0)).ok());
  BOOST_TEST(datasets::read_label(scratch / "label").ok());
}

// TIFF, WebP, BMP and PNM files of 16383 x 16383 pixels whose bytes are all there, and would become 800 MB.
BOOST_AUTO_TEST_CASE(pixels_without_bytes_are_refused_in_every_format) {
  const Scratch scratch;
  const auto little = [](std::uint32_t value, int bytes) {
    std::string text = big(value, bytes);
    std::reverse(text.begin(), text.end());
    return text;
  };
  const auto entry = [&](std::uint32_t tag, std::uint32_t value) {
    return little(tag, 2) + little(4, 2) + little(1, 4) + little(value, 4);
  };
  constexpr std::uint32_t kSide = 16383;
  // One strip of CCITT codes.
  const std::string tiff = std::string("II*\0", 4) + little(8, 4) + little(7, 2) + entry(0x100, kSide) +
                           entry(0x101, kSide) + entry(0x103, 4) + entry(0x106, 1) + entry(0x111, 98) +
                           entry(0x116, kSide) + entry(0x117, 4) + little(0, 4) + std::string(4, '\xFF');
  const std::string webp = "RIFF" + little(22, 4) + "WEBPVP8L" + little(10, 4) + "\x2F" +
                           little((kSide - 1) | (kSide - 1) << 14, 4) + std::string(5, '\0');
  const std::string bmp = "BM" + little(58, 4) + little(0, 4) + little(54, 4) + little(40, 4) +
                          little(kSide, 4) + little(kSide, 4) + little(1, 2) + little(8, 2) + little(1, 4) +
                          std::string(20, '\0') + std::string("\0\1\0\1", 4);
  for (const std::string& file : {tiff, webp, bmp, std::string("P2 16383 16383 255\n0 0 0\n")})
    BOOST_TEST(error_of(scratch, file).find("too short for the size that it claims") != std::string::npos,
               file.substr(0, 4));
}

BOOST_AUTO_TEST_CASE(a_side_has_a_limit) {
  const Scratch scratch;
  const std::string file = "P5 268435456 1 255\n";
  BOOST_TEST(error_of(scratch, file).find("a side of more than") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
