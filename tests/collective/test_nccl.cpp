#include <cuda_runtime_api.h>

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <numeric>
#include <vector>

#include "runtime/collective/nccl.h"
#include "runtime/collective/self.h"
#include "tests/datasets/require.h"

using namespace graphrun;
using graphrun::test::require;

namespace {

struct Device {
  Device() {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) return;
    std::puts("skipped: there is no GPU");
    std::exit(77);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(Device);

constexpr std::int64_t kCount = 1000;

}  // namespace

BOOST_AUTO_TEST_CASE(one_rank_keeps_its_numbers) {
  const std::unique_ptr<collective::Communicator> host = collective::make_self();
  cudaStream_t stream = nullptr;
  BOOST_TEST_REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  {
    const std::unique_ptr<collective::Communicator> comm = require(collective::make_nccl(*host, stream));
    BOOST_TEST((comm->name() == "nccl" && comm->size() == 1 && comm->rank() == 0));
    std::vector<float> values(kCount);
    std::iota(values.begin(), values.end(), 1.0f);
    const std::size_t size = values.size() * sizeof(float);
    void* data = nullptr;
    BOOST_TEST_REQUIRE(cudaMalloc(&data, size) == cudaSuccess);
    BOOST_TEST_REQUIRE(cudaMemcpyAsync(data, values.data(), size, cudaMemcpyHostToDevice, stream) ==
                       cudaSuccess);
    const std::vector<std::int64_t> bytes{std::ssize(values) * std::int64_t{sizeof(float)}};
    require(collective::all_reduce(*comm, data, kCount, DType::f32));
    require(collective::all_reduce(*comm, data, kCount, DType::f32, collective::ReduceOp::max));
    require(comm->wait(require(comm->reduce(data, kCount, DType::f32, 0))));
    require(collective::broadcast(*comm, data, bytes[0]));
    require(comm->wait(require(comm->all_gather(data, bytes))));
    require(comm->progress());
    const std::unique_ptr<collective::Communicator> part = require(comm->split(0));
    require(collective::all_reduce(*part, data, kCount, DType::f32));
    std::vector<float> after(values.size());
    BOOST_TEST_REQUIRE(cudaMemcpyAsync(after.data(), data, size, cudaMemcpyDeviceToHost, stream) ==
                       cudaSuccess);
    BOOST_TEST_REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
    BOOST_TEST((after == values));
    cudaFree(data);
  }
  cudaStreamDestroy(stream);
}
