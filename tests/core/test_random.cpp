#include <boost/test/unit_test.hpp>

#include "runtime/core/random.h"

using namespace graphrun;

namespace {

void check(const core::Philox4& found, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  BOOST_TEST(found.word[0] == a);
  BOOST_TEST(found.word[1] == b);
  BOOST_TEST(found.word[2] == c);
  BOOST_TEST(found.word[3] == d);
}

}  // namespace

// Known answers that the authors of Philox publish (Random123, kat_vectors).
BOOST_AUTO_TEST_CASE(philox_gives_the_published_numbers) {
  check(core::philox4x32(0, 0, 0, 0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  const std::uint32_t ones = 0xffffffff;
  check(core::philox4x32(ones, ones, ones, ones, ones, ones), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  check(core::philox4x32(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), 0xd16cfe09,
        0x94fdcceb, 0x5001e420, 0x24126ea1);
}

BOOST_AUTO_TEST_CASE(conversions_cover_their_range) {
  BOOST_TEST(core::uniform_float(0) == 0.0F);
  BOOST_TEST(core::uniform_float(0xffffffff) == 1.0F - 0x1p-24F);
  BOOST_TEST(core::uniform_double(0, 0) == 0.0);
  BOOST_TEST(core::uniform_double(0xffffffff, 0xffffffff) == 1.0 - 0x1p-53);
  BOOST_TEST(core::bounded(0, 10) == 0U);
  BOOST_TEST(core::bounded(0xffffffff, 10) == 9U);
}

BOOST_AUTO_TEST_CASE(streams_repeat_and_differ) {
  core::Random one(1, core::RandomPurpose::test, 2, 3);
  core::Random same(1, core::RandomPurpose::test, 2, 3);
  core::Random other(1, core::RandomPurpose::test, 2, 4);
  int equal = 0;
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::uint32_t bits = one.next_bits();
    BOOST_REQUIRE(bits == same.next_bits());
    equal += bits == other.next_bits();
    sum += core::uniform_float(bits);
  }
  BOOST_TEST(equal < 3);
  BOOST_TEST((sum > 4850 && sum < 5150));
}
