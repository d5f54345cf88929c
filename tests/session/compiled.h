#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/model/program.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/tensor_file.h"

namespace graphrun::test {

inline const std::filesystem::path kSource = GRAPHRUN_SOURCE_DIR;
inline const std::filesystem::path kTiny = kSource / "tests" / "golden" / "spnet_tiny";

// What a Result holds; the test ends with its message where it holds an error.
template <class T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.status().message()));
  return *std::move(result);
}
inline void require_ok(const Status& status) {
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.message()));
}

// The network of the goldens: spnet_tiny with 8 channels.
inline std::shared_ptr<const Program> tiny_program(double dropout,
                                                   std::vector<compiler::Definition> definitions = {}) {
  definitions.insert(definitions.end(), {{"width", 8}, {"dropout", dropout}});
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / "spnet_tiny.json", definitions, op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(Program::make(*std::move(compiled.model), op_registry()));
}

inline std::shared_ptr<const TensorFile> open_tensors(const std::filesystem::path& path) {
  return take(TensorFile::open(path.string()));
}

inline std::span<const float> floats(const NamedTensor& tensor) {
  return {reinterpret_cast<const float*>(tensor.bytes.data()), tensor.bytes.size() / sizeof(float)};
}
inline std::span<const float> floats(NpyArray& array) {
  return {array.view().as<float>(), array.bytes.size() / sizeof(float)};
}
// Precondition: contiguous f32.
inline std::span<const float> floats(const TensorView& view) {
  return {view.as<float>(), static_cast<std::size_t>(view.desc.shape.count())};
}

inline double norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}
inline double distance(std::span<const float> a, std::span<const float> b) {
  BOOST_REQUIRE_EQUAL(a.size(), b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return std::sqrt(sum);
}
inline double relative_distance(std::span<const float> actual, std::span<const float> expected) {
  return distance(actual, expected) / norm(expected);
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}
inline std::vector<float> copy_of(std::span<const float> values) { return {values.begin(), values.end()}; }

}  // namespace graphrun::test
