#include <boost/test/unit_test.hpp>

#include "runtime/weights/difference.h"

namespace graphrun::test {

using Kind = weights::Difference::Kind;

BOOST_AUTO_TEST_CASE(differences_are_a_table_with_the_likeliest_partner) {
  const Status status =
      weights::describe_differences({{Kind::unexpected, "backbone.conv1.weight", "", "(64, 3, 3, 3)"},
                                     {Kind::missing, "conv1.weight", "(64, 3, 3, 3)", ""},
                                     {Kind::missing, "head.bias", "(19)", ""},
                                     {Kind::shape, "cls.weight", "(19, 8)", "(150, 8)"},
                                     {Kind::unexpected, "heads.bias", "", "(19)"},
                                     {Kind::unexpected, "teacher", "", "(1)"}});
  BOOST_TEST(
      status.message() ==
      "the weights do not fit the model, nothing was loaded: 2 missing, 3 unexpected, 1 of another shape\n"
      "               tensor                 model          file\n"
      "  missing      conv1.weight           (64, 3, 3, 3)  -              the file has "
      "backbone.conv1.weight\n"
      "  missing      head.bias              (19)           -              the file has heads.bias\n"
      "  unexpected   backbone.conv1.weight  -              (64, 3, 3, 3)  the model has conv1.weight\n"
      "  unexpected   heads.bias             -              (19)           the model has head.bias\n"
      "  unexpected   teacher                -              (1)\n"
      "  wrong shape  cls.weight             (19, 8)        (150, 8)");
}

BOOST_AUTO_TEST_CASE(a_table_of_a_whole_network_is_cut) {
  std::vector<weights::Difference> all;
  for (int i = 0; i < 1000; ++i) all.push_back({Kind::missing, "layer" + std::to_string(i), "(1)", ""});
  const std::string text = weights::describe_differences(std::move(all)).message();
  BOOST_TEST(text.find("1000 missing") != std::string::npos);
  BOOST_TEST(text.ends_with("\n  ... and 960 more"));
  BOOST_TEST(text.size() < 4000U);
}

}  // namespace graphrun::test
