#include <boost/test/unit_test.hpp>

#include <string_view>

#include "runtime/core/utf8.h"

using graphrun::core::is_utf8;

BOOST_AUTO_TEST_CASE(text_of_any_language_is_utf8) {
  for (const std::string_view text : {"", "a", "Grünfläche", "道路", "\U0001F6B2", "\uFFFF", "\U0010FFFF"})
    BOOST_TEST(is_utf8(text));
  BOOST_TEST(is_utf8(std::string_view("\0", 1)));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_character_are_not) {
  for (const std::string_view text :
       {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5"})
    BOOST_TEST(!is_utf8(text));
}

// The view ends there, whatever stands in memory behind it.
BOOST_AUTO_TEST_CASE(a_text_that_ends_within_a_character_is_not) {
  constexpr std::string_view kBicycle = "\U0001F6B2";
  for (std::size_t size = 1; size < kBicycle.size(); ++size) BOOST_TEST(!is_utf8(kBicycle.substr(0, size)));
}
