#define BOOST_TEST_MODULE graphrun
#include <boost/test/included/unit_test.hpp>
