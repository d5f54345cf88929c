#include "tests/ops/test_backend.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>
#include <string>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "ops/cuda_backend.h"

namespace graphrun::test {
namespace {

std::string environment(const char* name, const char* fallback) {
  const char* const value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

// Opened once: it takes longer than most tests.
const Result<std::shared_ptr<model::Backend>>& gpu() {
  static const Result<std::shared_ptr<model::Backend>> backend = ops::make_cuda_backend();
  return backend;
}

struct RequireDevice {
  RequireDevice() {
    const std::string device = environment("GRAPHRUN_TEST_DEVICE", "cpu");
    if (device != "cpu" && device != "cuda") {
      std::cerr << "GRAPHRUN_TEST_DEVICE: expected cpu or cuda, got " << device << std::endl;
      std::exit(2);
    }
    if (on_gpu() && !gpu().ok()) {
      std::cout << "skipped: " << gpu().status().message() << std::endl;
      std::exit(77);
    }
  }
};
BOOST_TEST_GLOBAL_FIXTURE(RequireDevice);

}  // namespace

bool on_gpu() { return environment("GRAPHRUN_TEST_DEVICE", "cpu") == "cuda"; }

std::shared_ptr<model::Backend> test_backend(int threads) {
  if (on_gpu()) return *gpu();
  Result<std::shared_ptr<model::Backend>> backend =
      ops::make_cpu_backend(threads, ops::with_training_kernels());
  BOOST_REQUIRE_MESSAGE(backend.ok(), (backend.ok() ? "" : backend.status().message()));
  return *std::move(backend);
}

std::uint64_t seed_offset() {
  return std::strtoull(environment("GRAPHRUN_TEST_SEED", "0").c_str(), nullptr, 10);
}

}  // namespace graphrun::test
