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
#include "runtime/session/layout.h"
#include "runtime/weights/npy.h"
#include "runtime/weights/tensor_file.h"
#include "tests/ops/test_backend.h"
#include "tests/source_dir.h"

namespace graphrun::test {

inline const std::filesystem::path kSource = source_dir();
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
inline std::shared_ptr<const model::Program> tiny_program(
    double dropout, std::vector<compiler::Definition> definitions = {}) {
  definitions.insert(definitions.end(), {{"width", 8}, {"dropout", dropout}});
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / "spnet_tiny.json", definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

inline std::shared_ptr<const weights::TensorFile> open_tensors(const std::filesystem::path& path) {
  return take(weights::TensorFile::open(path.string()));
}

inline std::span<const float> floats(const weights::NamedTensor& tensor) {
  return {reinterpret_cast<const float*>(tensor.bytes.data()), tensor.bytes.size() / sizeof(float)};
}
inline std::span<const float> floats(weights::NpyArray& array) {
  return {array.view().as<float>(), array.bytes.size() / sizeof(float)};
}
// Precondition: contiguous f32 on the host.
inline std::span<const float> floats(const TensorView& view) {
  return {view.as<float>(), static_cast<std::size_t>(view.desc.shape.count())};
}

// A tensor's elements, from and to wherever its backend has it. Precondition: contiguous elements of type T.
template <class T = float>
std::vector<T> fetch(model::Backend& backend, const TensorView& from) {
  std::vector<T> values(static_cast<std::size_t>(from.desc.shape.count()));
  BOOST_TEST_REQUIRE(std::span(values).size_bytes() == static_cast<std::size_t>(from.desc.bytes()));
  require_ok(backend.copy_to_host(values.data(), from.data, from.desc.bytes()));
  return values;
}
template <class T>
void store(model::Backend& backend, std::span<const T> values, const TensorView& to) {
  BOOST_TEST_REQUIRE(values.size_bytes() == static_cast<std::size_t>(to.desc.bytes()));
  require_ok(backend.copy_to_device(to.data, values.data(), to.desc.bytes()));
}
inline void store_nchw(model::Backend& backend, std::span<const float> values, const TensorView& to) {
  std::vector<float> turned(values.size());
  session::nchw_to_nhwc(values, {to.desc, turned.data()});
  store<float>(backend, turned, to);
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
