#include "graphrun/device.h"

#include "tests/api/files.h"

using namespace graphrun;
using namespace graphrun::test;

BOOST_AUTO_TEST_CASE(the_cpu_is_opened_by_name) {
  const Device device = take(Device::open("cpu", {.threads = 2}));
  BOOST_TEST(device.name() == "cpu");
  BOOST_TEST(device.threads() == 2);
  BOOST_TEST((device.id().is_host() && device.id() == DeviceId{}));
  take(device.check_precision(DType::f32));
  fails(device.check_precision(DType::f64), ErrorCode::unsupported, "f64");
}

BOOST_AUTO_TEST_CASE(auto_is_a_device_that_is_there) {
  const Device device = take(Device::open());
  BOOST_TEST((device.name() == "cpu" || device.name().starts_with("cuda:")), device.name());
  BOOST_TEST(device.id().is_host() == (device.name() == "cpu"));
}

BOOST_AUTO_TEST_CASE(names_that_are_none_are_errors) {
  for (const char* name : {"", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU"})
    BOOST_TEST_CONTEXT(name) fails(Device::open(name), ErrorCode::invalid_argument, "cpu");
  BOOST_TEST(!Device::open("cuda:4000").ok());
}
