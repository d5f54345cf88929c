#include <boost/test/unit_test.hpp>
#include <set>

#include "runtime/imaging/tile_axis.h"

using namespace graphrun;

namespace {

// The crops that see a pixel, by their first pixel.
std::set<std::int64_t> seen_by(const imaging::SlideAxis& axis, std::int64_t pixel, std::int64_t offset) {
  std::set<std::int64_t> crops;
  for (const std::int64_t start : axis.starts) {
    if (start <= pixel && pixel < start + axis.crop) crops.insert(start + offset);
  }
  return crops;
}

}  // namespace

// What makes windows give the labels of the whole image.
BOOST_AUTO_TEST_CASE(windows_have_the_crops_of_the_whole_image) {
  for (const std::int64_t crop : {7, 24, 33}) {
    for (std::int64_t extent = 1; extent < 400; extent += 1 + extent / 40) {
      const imaging::SlideAxis axis = imaging::slide_axis(extent, crop);
      for (const std::int64_t crops : {1, 3, 4, 9}) {
        std::int64_t kept = 0;
        for (const imaging::TileSpan& span : imaging::tile_spans(axis, crops)) {
          BOOST_REQUIRE(span.keep_begin == kept);
          BOOST_REQUIRE(span.keep_end > kept);
          BOOST_REQUIRE(span.read_begin <= span.keep_begin);
          BOOST_REQUIRE(span.keep_end <= span.read_end);
          kept = span.keep_end;
          const imaging::SlideAxis part = imaging::slide_axis(span.read_end - span.read_begin, crop);
          BOOST_REQUIRE(std::ssize(part.starts) <= std::max(crops, imaging::kFewestCrops));
          for (std::int64_t pixel = span.keep_begin; pixel < span.keep_end; ++pixel)
            BOOST_REQUIRE(seen_by(part, pixel - span.read_begin, span.read_begin) == seen_by(axis, pixel, 0));
        }
        BOOST_TEST(kept == extent);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_side_of_pixels_has_so_many_crops) {
  const imaging::SlideAxis axis = imaging::slide_axis(10000, 240);
  BOOST_TEST(imaging::crops_within(axis, 240) == 1);
  BOOST_TEST(imaging::crops_within(axis, 1200) == 7);
  BOOST_TEST(imaging::crops_within(axis, 10) == 1);
  BOOST_TEST(imaging::crops_within(imaging::slide_axis(100, 240), 5000) >= 1);
}
