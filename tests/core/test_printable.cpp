#include <boost/test/unit_test.hpp>

#include "runtime/core/printable.h"

using graphrun::core::printable;

BOOST_AUTO_TEST_CASE(plain_text_of_any_language_stays) {
  for (const char* text : {"", "a\tb\nc", "Grünfläche", "道路", "\U0001F6B2"})
    BOOST_TEST(printable(text) == text);
}

BOOST_AUTO_TEST_CASE(sequences_that_a_terminal_would_obey_are_shown) {
  BOOST_TEST(printable("\x1b]0;title\a") == "\\x1B]0;title\\x07");
  BOOST_TEST(printable("a\rb\x7f") == "a\\x0Db\\x7F");
  BOOST_TEST(printable("\xC2\x9B"
                       "2J") ==
             "\\xC2\\x9B"
             "2J");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_shown) {
  BOOST_TEST(printable("\x9B"
                       "2J") ==
             "\\x9B"
             "2J");
  BOOST_TEST(printable("\xC0\xAF") == "\\xC0\\xAF");
  BOOST_TEST(printable("\xED\xA0\x80") == "\\xED\\xA0\\x80");
  BOOST_TEST(printable("a\xE2\x82") == "a\\xE2\\x82");
}
