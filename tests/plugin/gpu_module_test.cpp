#include <boost/test/unit_test.hpp>

#include <string>

#include "runtime/plugin/gpu_module.h"

// Which shared objects count as the GPU's library.
using namespace graphrun;

namespace {

std::string error_of(const std::string& library) {
  const auto opened = plugin::gpu_module(library.c_str());
  BOOST_TEST_REQUIRE(!opened.ok());
  BOOST_TEST((opened.status().code() == ErrorCode::unsupported));
  return opened.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_library_of_another_build_is_refused_before_it_is_called) {
  const std::string error = error_of(GRAPHRUN_BINARY_DIR "/lib/test/stale_gpu.so");
  BOOST_TEST(
      error.find("stale_gpu.so is of another build of graphrun than this program") != std::string::npos,
      error);
}

BOOST_AUTO_TEST_CASE(a_shared_object_that_is_no_gpu_library_is_refused) {
  const std::string error = error_of(GRAPHRUN_BINARY_DIR "/lib/test/no_ops.so");
  BOOST_TEST(error.find("another build") != std::string::npos, error);
}

BOOST_AUTO_TEST_CASE(a_library_that_is_not_there_is_named) {
  const std::string error = error_of("libgraphrun_no_such_gpu.so");
  BOOST_TEST(error.find("libgraphrun_no_such_gpu.so") != std::string::npos, error);
}
