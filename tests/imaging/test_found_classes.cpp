#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/imaging/found_classes.h"
#include "runtime/numeric/log.h"

// Classes and probabilities of pixels from sums and from logits.
using namespace graphrun;
using imaging::Evidence;

namespace {

struct Found {
  std::vector<ClassId> ids;
  std::vector<float> confidence;
  std::vector<float> probabilities;  // class by class
};

Found find(std::vector<float> values, Evidence evidence, std::int64_t classes, float sharpness = 1) {
  const std::size_t pixels = values.size() / static_cast<std::size_t>(classes);
  Found found{std::vector<ClassId>(pixels), std::vector<float>(pixels), std::vector<float>(values.size())};
  imaging::find_classes(values.data(), evidence, static_cast<std::int64_t>(pixels), classes,
                        {found.ids.data(), found.confidence.data(), found.probabilities.data(),
                         std::ssize(found.ids), sharpness});
  return found;
}

std::vector<float> random_values(std::int64_t pixels, std::int64_t classes, Evidence evidence) {
  std::mt19937 random(static_cast<std::uint32_t>(classes));
  std::uniform_real_distribution<float> sums(0, 3), logits(-9, 0);
  std::vector<float> values;
  for (std::int64_t i = 0; i < pixels * classes; ++i)
    values.push_back(evidence == Evidence::logits ? logits(random) : sums(random));
  if (evidence == Evidence::logits) {
    for (std::int64_t p = 0; p < pixels; ++p)
      values[static_cast<std::size_t>(p * classes + static_cast<std::int64_t>(random() % classes))] = 0;
  }
  return values;
}

}  // namespace

BOOST_AUTO_TEST_CASE(probabilities_are_those_of_the_definition) {
  constexpr std::int64_t kPixels = 200;
  for (const Evidence evidence : {Evidence::probability_sums, Evidence::logits}) {
    for (const std::int64_t classes : {1, 2, 7, 150}) {
      for (const float sharpness : {1.0f, 0.25f, 2.5f}) {
        const std::vector<float> values = random_values(kPixels, classes, evidence);
        const Found found = find(values, evidence, classes, sharpness);
        BOOST_TEST((found.ids == find(values, evidence, classes).ids));
        for (std::int64_t p = 0; p < kPixels; ++p) {
          std::vector<double> powers;
          double sum = 0;
          for (std::int64_t c = 0; c < classes; ++c) {
            const double value = values[static_cast<std::size_t>(p * classes + c)];
            powers.push_back(evidence == Evidence::logits ? std::exp(sharpness * value)
                                                          : std::pow(value, static_cast<double>(sharpness)));
            sum += powers.back();
          }
          double of_all = 0;
          for (std::int64_t c = 0; c < classes; ++c) {
            const float probability = found.probabilities[static_cast<std::size_t>(c * kPixels + p)];
            of_all += static_cast<double>(probability);
            BOOST_REQUIRE_SMALL(static_cast<double>(probability) - powers[static_cast<std::size_t>(c)] / sum,
                                2e-6);
          }
          const auto pixel = static_cast<std::size_t>(p);
          BOOST_REQUIRE_SMALL(of_all - 1, 1e-5);
          BOOST_REQUIRE(found.confidence[pixel] ==
                        found.probabilities[static_cast<std::size_t>(found.ids[pixel] * kPixels + p)]);
        }
      }
    }
  }
}

// Sums that differ by a bit may have one quotient; still the class is the first of the most probable ones.
BOOST_AUTO_TEST_CASE(the_class_is_the_first_of_the_most_probable) {
  constexpr std::int64_t kClasses = 5, kPixels = 1000;
  std::mt19937 random(1);
  std::vector<float> values;
  for (std::int64_t i = 0; i < kClasses * kPixels; ++i)
    values.push_back(random() % 2 == 0 ? 1.7f : std::nextafter(1.7f, random() % 2 == 0 ? 2.0f : 1.0f));
  for (const float sharpness : {1.0f, 0.1f, 3.0f}) {
    const Found found = find(values, Evidence::probability_sums, kClasses, sharpness);
    for (std::size_t p = 0; p < kPixels; ++p) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < kClasses; ++c) {
        if (found.probabilities[c * kPixels + p] > found.probabilities[best * kPixels + p]) best = c;
      }
      BOOST_REQUIRE(best == found.ids[p]);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_class_without_any_probability_keeps_none) {
  const Found found = find({0, 2, 0, 1}, Evidence::probability_sums, 4, 0.1f);
  BOOST_TEST((found.probabilities[0] == 0 && found.probabilities[2] == 0 && found.ids[0] == 1));
}

BOOST_AUTO_TEST_CASE(logarithms_within_two_units_in_the_last_place) {
  for (std::uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 9973) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    const double exact = std::log(static_cast<double>(x));
    const auto rounded = std::abs(static_cast<float>(exact));
    const double unit = std::nextafter(rounded, std::numeric_limits<float>::infinity()) - rounded;
    BOOST_REQUIRE_SMALL(static_cast<double>(numeric::log_float(x)) - exact, 2 * unit + 1e-45);
  }
  BOOST_TEST(numeric::log_float(1) == 0);
  BOOST_TEST(numeric::log_float(0) == numeric::log_float(0x1p-126f));
}
