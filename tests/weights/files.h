#pragma once

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "graphrun/tensor.h"
#include "runtime/core/mapped_file.h"
#include "runtime/weights/tensor_file.h"

namespace graphrun::test {

inline std::string golden(const std::string& name) {
  return std::string(GRAPHRUN_SOURCE_DIR) + "/tests/weights/golden/" + name;
}

inline std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  BOOST_REQUIRE_MESSAGE(in, path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A folder of its own for each test case, removed at its end.
struct Scratch {
  std::string path;
  Scratch() {
    path = (std::filesystem::temp_directory_path() / "graphrun-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
};

template <class T>
T ok(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.status().message()));
  return *std::move(result);
}
inline void ok(const Status& status) {
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.message()));
}

template <class T>
std::string error_of(const Result<T>& result) {
  BOOST_REQUIRE(!result.ok());
  return result.status().message();
}
inline std::string error_of(const Status& status) {
  BOOST_REQUIRE(!status.ok());
  return status.message();
}
inline void check_contains(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, "'" << text << "' lacks '" << part << "'");
}

template <class T>
std::vector<T> values(const weights::NamedTensor& tensor) {
  BOOST_REQUIRE(tensor.bytes.size() % sizeof(T) == 0);
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

// start, start + 1/2, start + 1, ...: what golden/make_golden.py fills tensors with.
inline std::vector<float> ramp(std::int64_t count, float start) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = start + 0.5F * static_cast<float>(i);
  return out;
}

inline const weights::NamedTensor& tensor(const weights::TensorFile& file, const std::string& name) {
  const weights::NamedTensor* found = file.find(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, "no tensor " << name);
  return *found;
}

inline void check_f32(const weights::TensorFile& file, const std::string& name, const Shape& shape,
                      const std::vector<float>& expected) {
  const weights::NamedTensor& found = tensor(file, name);
  BOOST_TEST((found.desc == TensorDesc::dense(DType::f32, shape)),
             name << " is " << to_string(found.desc.shape));
  BOOST_TEST(values<float>(found) == expected, boost::test_tools::per_element());
}

inline std::vector<std::string> names(const weights::TensorFile& file) {
  std::vector<std::string> out;
  for (const weights::NamedTensor& each : file.tensors()) out.push_back(each.name);
  return out;
}

template <class T>
weights::NamedTensor named(const std::string& name, const Shape& shape, const std::vector<T>& data) {
  return {name, TensorDesc::dense(dtype_of<T>::value, shape), std::as_bytes(std::span(data))};
}

}  // namespace graphrun::test
