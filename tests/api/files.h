#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "graphrun/graphrun.h"
#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "runtime/weights/model_source.h"
#include "tests/datasets/scratch.h"
#include "tests/source_dir.h"

// What the tests of the public headers find on their disk. The tests themselves include public headers alone.
namespace graphrun::test {

template <class T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.status().message()));
  return *std::move(result);
}
inline void take(const Status& status) {
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.message()));
}

// The error says this.
template <class T>
void fails(const Result<T>& result, ErrorCode code, const std::string& message) {
  BOOST_TEST_REQUIRE(!result.ok(), "no error that says: " << message);
  BOOST_TEST((result.status().code() == code), result.status().message());
  BOOST_TEST(result.status().message().find(message) != std::string::npos, result.status().message());
}
inline void fails(const Status& status, ErrorCode code, const std::string& message) {
  fails(status.ok() ? Result<int>(0) : Result<int>(status), code, message);
}

struct Sizes {
  std::int64_t crop = 33;
  double classes = 11;
  bool named = true;  // the classes
};

// A folder with model.fb (a small SPNet), weights.safetensors and both as model.grun.
class Disk {
 public:
  explicit Disk(const Sizes& sizes = {}) {
    const auto golden = source_dir() / "tests" / "golden" / "spnet_tiny" / "start.safetensors";
    const std::vector<compiler::Definition> definitions{
        {"width", 8}, {"dropout", 0.1}, {"classes", sizes.classes}};
    compiler::Compiled compiled =
        compiler::compile(source_dir() / "graphs" / "spnet_tiny.json", definitions, ops::op_registry());
    BOOST_TEST_REQUIRE(compiled.errors == "");
    model::Model model = *std::move(compiled.model);
    model.settings["test_h"] = model.settings["test_w"] = std::to_string(sizes.crop);
    model.settings["base_size"] = "0";
    for (int c = 0; sizes.named && c < static_cast<int>(sizes.classes); ++c) {
      model.class_names.push_back("class " + std::to_string(c));
      for (const int part : {c, 2 * c, 255 - c}) model.palette.push_back(static_cast<std::uint8_t>(part));
    }
    take(model::write_model(model, path("model.fb")));
    if (sizes.classes == 11) {
      std::filesystem::copy_file(golden, path("weights.safetensors"));
    } else {
      const Program program = take(Program::load(path("model.fb")));
      take(take(Weights::random(program, take(Device::open("cpu")), 7)).save(path("weights.safetensors")));
    }
    pack("model.grun", DType::f32);
  }

  void pack(const std::string& name, DType precision) const {
    const auto source = take(weights::open_model(path("model.fb"), ops::op_registry()));
    const auto values = take(
        weights::Weights::map(*source.program, take(weights::TensorFile::open(path("weights.safetensors"))),
                              take(ops::make_cpu_backend(1))));
    take(weights::pack({*source.program, *values, "", {}, precision}, path(name)));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  Scratch folder_;
};

// Colours that change from pixel to pixel.
inline std::vector<std::uint8_t> picture(std::int64_t height, std::int64_t width, std::int64_t channels = 3) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * channels));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(i * i / 7 + 13 * (i / static_cast<std::size_t>(3 * width)));
  return pixels;
}

}  // namespace graphrun::test
