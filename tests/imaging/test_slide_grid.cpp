#include <boost/test/unit_test.hpp>

#include "runtime/imaging/slide_grid.h"

using namespace graphrun;

using Starts = std::vector<std::int64_t>;

BOOST_AUTO_TEST_CASE(the_longer_side_gets_the_scaled_size) {
  BOOST_TEST((imaging::scaled_extent({360, 480}, 1.0, 480) == imaging::Extent{360, 480}));
  BOOST_TEST((imaging::scaled_extent({360, 480}, 0.5, 512) == imaging::Extent{192, 256}));
  BOOST_TEST((imaging::scaled_extent({683, 512}, 1.25, 512) == imaging::Extent{640, 480}));
  BOOST_TEST((imaging::scaled_extent({100, 100}, 1.0, 240) == imaging::Extent{240, 240}));
}

BOOST_AUTO_TEST_CASE(a_scale_that_makes_an_image_too_large_is_named) {
  const auto refused = imaging::view_extent({300, 400}, 100, 100000);
  BOOST_REQUIRE(!refused.ok());
  for (const std::string text : {"400 x 300", "base_size 100000", "scale 100 ", "10000000 x 7500000"})
    BOOST_TEST(refused.status().message().find(text) != std::string::npos, refused.status().message());
  BOOST_TEST(!imaging::view_extent({1, imaging::kMaxPixels}, 100, 0).ok());
  BOOST_TEST((*imaging::view_extent({1 << 14, 1 << 14}, 1, 0) == imaging::Extent{1 << 14, 1 << 14}));
}

BOOST_AUTO_TEST_CASE(halves_are_rounded_to_even) {
  BOOST_TEST((imaging::scaled_extent({10, 10}, 0.5, 5) == imaging::Extent{2, 2}));  // 2.5
  BOOST_TEST((imaging::scaled_extent({10, 10}, 0.5, 7) == imaging::Extent{4, 4}));  // 3.5
  BOOST_TEST(
      (imaging::scaled_extent({5, 10}, 1.0, 1) == imaging::Extent{1, 1}));  // 0.5, and no side is empty
  BOOST_TEST((imaging::scaled_extent({5, 10}, 1.0, 13) == imaging::Extent{6, 13}));  // 6.5
}

BOOST_AUTO_TEST_CASE(crops_lie_two_thirds_apart_and_end_inside) {
  BOOST_TEST((imaging::slide_axis(480, 240).starts == Starts{0, 160, 240}));
  BOOST_TEST((imaging::slide_axis(683, 473).starts == Starts{0, 210}));  // stride 316
  BOOST_TEST((imaging::slide_axis(241, 240).starts == Starts{0, 1}));
  BOOST_TEST((imaging::slide_axis(400, 240).starts == Starts{0, 160}));
  BOOST_TEST((imaging::slide_axis(1000, 100).starts.size() == 15));  // stride 67
  BOOST_TEST((imaging::slide_axis(1000, 100).starts.back() == 900));
}

BOOST_AUTO_TEST_CASE(a_smaller_image_lies_in_the_middle_of_its_crop) {
  BOOST_TEST((imaging::slide_axis(240, 240).starts == Starts{0}));
  BOOST_TEST((imaging::slide_axis(235, 240).starts == Starts{-2}));  // the odd pixel is at the end
  BOOST_TEST((imaging::slide_axis(1, 4).starts == Starts{-1}));
}

BOOST_AUTO_TEST_CASE(coverage_counts_the_crops_over_each_pixel) {
  const auto counts = imaging::slide_axis(480, 240).coverage();
  BOOST_TEST((counts[0] == 1 && counts[159] == 1 && counts[160] == 2 && counts[239] == 2));
  BOOST_TEST((counts[240] == 2 && counts[399] == 2 && counts[400] == 1 && counts[479] == 1));
  BOOST_TEST(imaging::slide_axis(3, 8).coverage() == (std::vector<std::int32_t>{1, 1, 1}),
             boost::test_tools::per_element());
}
