#include "runtime/labelling/crop_batch.h"

#include <boost/test/unit_test.hpp>

using namespace graphrun;

BOOST_AUTO_TEST_CASE(batches_of_an_image_are_even) {
  BOOST_TEST(labelling::even_batch(1) == 1);
  BOOST_TEST(labelling::even_batch(18) == 18);
  BOOST_TEST(labelling::even_batch(32) == 32);
  BOOST_TEST(labelling::even_batch(33) == 17);
  BOOST_TEST(labelling::even_batch(90) == 30);
}

BOOST_AUTO_TEST_CASE(few_crops_fill_quarters_of_a_batch) {
  for (std::int64_t batch = 1; batch <= 40; ++batch) {
    const std::int64_t quarter = (batch + 3) / 4;
    for (std::int64_t crops = 1; crops <= batch; ++crops) {
      const std::int64_t padded = labelling::padded_batch(crops, batch);
      BOOST_TEST((padded >= crops && padded <= batch && padded - crops < quarter));
      BOOST_TEST((padded == batch || padded % quarter == 0));
    }
  }
}
