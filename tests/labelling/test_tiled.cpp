#include <boost/test/unit_test.hpp>
#include <cstring>

#include "runtime/labelling/tiled.h"
#include "tests/labelling/tiny_net.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

// An image in memory as if it were none, which counts what is read of it.
struct Rows {
  const imaging::Image& image;
  std::int64_t next = 0;

  TiledImage tiled() {
    return {image.height, image.width, 3, DType::u8, [this](std::int64_t rows, void* to) -> Status {
              if (next + rows > image.height) return {ErrorCode::io, "beyond the end"};
              std::memcpy(to, image.rgb.data() + 3 * next * image.width,
                          static_cast<std::size_t>(3 * rows * image.width));
              next += rows;
              return {};
            }};
  }
};

struct Found {
  imaging::LabelMap map;
  int windows = 0;
};

Found label(const Net& net, const labelling::ProtocolSettings& settings, const imaging::Image& image,
            std::int64_t window_bytes) {
  Rows rows{image};
  Found found{{image.height,
               image.width,
               std::vector<ClassId>(static_cast<std::size_t>(image.height * image.width), 999),
               {}}};
  found.map.confidence.resize(found.map.ids.size());
  const auto protocol = net.protocol(settings);
  require_ok(labelling::label_tiled(
      *protocol, settings, rows.tiled(), {std::int64_t{1} << 40, window_bytes, window_bytes},
      [&](const LabelWindow& window) -> Status {
        ++found.windows;
        for (std::int64_t y = 0; y < window.map.height; ++y) {
          const auto from = y * window.map.width;
          const auto to = (window.top + y) * image.width + window.left;
          std::copy_n(window.map.ids.begin() + from, window.map.width, found.map.ids.begin() + to);
          std::copy_n(window.map.confidence.begin() + from, window.map.width,
                      found.map.confidence.begin() + to);
        }
        return {};
      },
      {.confidence = true}));
  BOOST_TEST(rows.next == image.height);
  return found;
}

labelling::ProtocolSettings settings_of() {
  labelling::ProtocolSettings settings;
  settings.test_h = 33, settings.test_w = 41;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tiled)

// Not 99.99 % of the pixels: all, and the bits of their probabilities.
BOOST_AUTO_TEST_CASE(windows_have_the_labels_of_slide) {
  const Net net;
  for (const bool flip : {true, false}) {
    labelling::ProtocolSettings settings = settings_of();
    settings.flip = flip;
    for (const auto& [height, width] : {std::pair(170, 240), std::pair(20, 300), std::pair(133, 25)}) {
      const imaging::Image image = random_image(height, width);
      const imaging::LabelMap whole = take(net.protocol(settings)->label(image, {.confidence = true}));
      BOOST_TEST(has_classes(whole));
      const Found found = label(net, settings, image, 1);
      BOOST_TEST(found.windows > 1);
      BOOST_TEST(different(found.map, whole) == 0u);
      BOOST_TEST((found.map.confidence == whole.confidence));
      BOOST_TEST(label(net, settings, image, std::int64_t{1} << 30).windows == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(other_protocols_and_images_are_refused) {
  const Net net;
  const imaging::Image image = random_image(50, 50);
  const auto refused = [&](const labelling::ProtocolSettings& settings, const TiledImage& tiled,
                           const std::string& text) {
    const auto nothing = [](const LabelWindow&) { return Status(); };
    const Status status =
        labelling::label_tiled(*net.protocol(settings), settings, tiled, {std::int64_t{1} << 40}, nothing);
    BOOST_TEST(status.message().find(text) != std::string::npos, status.message());
  };
  Rows rows{image};
  labelling::ProtocolSettings settings = settings_of();
  settings.scales = {0.5, 1};
  refused(settings, rows.tiled(), "at scale 1 alone");
  settings = settings_of();
  settings.base_size = 100;
  refused(settings, rows.tiled(), "base_size has to be 0");
  settings = settings_of();
  settings.name = "whole";
  refused(settings, rows.tiled(), "takes the protocol slide");
  TiledImage other = rows.tiled();
  other.channels = 4;
  refused(settings_of(), other, "has 4 channels, the network takes 3");
  other = rows.tiled();
  other.height = std::int64_t{1} << 40;
  refused(settings_of(), other, "sides of 1 to");
  other = rows.tiled();
  other.read = [](std::int64_t, void*) { return Status(ErrorCode::io, "the disk is gone"); };
  refused(settings_of(), other, "the disk is gone");
}

BOOST_AUTO_TEST_SUITE_END()
