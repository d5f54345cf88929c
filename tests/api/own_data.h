#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>

#include "graphrun/compile.h"
#include "graphrun/dataset.h"
#include "tests/datasets/require.h"
#include "tests/source_dir.h"

namespace graphrun::test {

// A caller's own data: squares of class 1 on a ground of class 0, one row of which counts nowhere.
class Squares : public Samples {
 public:
  explicit Squares(std::int64_t count) : count_(count) {}
  std::int64_t size() const override { return count_; }
  std::string name(std::int64_t index) const override { return "square_" + std::to_string(index); }
  Result<Image> image(std::int64_t index) const override {
    Image image{kSide, kSide, {}};
    for (std::int64_t i = 0; i < kSide * kSide; ++i) {
      const std::uint8_t value = is_square(index, i) ? 200 : 30;
      image.rgb.insert(image.rgb.end(), {value, static_cast<std::uint8_t>(value / 2), 10});
    }
    return image;
  }
  Result<LabelMap> label(std::int64_t index) const override {
    LabelMap label{kSide, kSide, {}};
    for (std::int64_t i = 0; i < kSide * kSide; ++i)
      label.ids.push_back(i < kSide ? kUnlabelled : ClassId{is_square(index, i)});
    return label;
  }

 protected:
  static constexpr std::int64_t kSide = 41;

 private:
  static bool is_square(std::int64_t index, std::int64_t pixel) {
    const std::int64_t row = pixel / kSide - 8 - index * 5 % 13;
    const std::int64_t column = pixel % kSide - 6 - index * 3 % 17;
    return row >= 0 && row < 12 && column >= 0 && column < 12;
  }
  std::int64_t count_;
};

inline Dataset squares(std::shared_ptr<const Samples> train = std::make_shared<Squares>(6)) {
  return require(Dataset::make("squares", {{"ground", {0, 0, 0}}, {"square", {200, 100, 10}}},
                               {{"train", std::move(train)}, {"val", std::make_shared<Squares>(3)}}));
}

// The smallest network, as a file.
inline std::string tiny_model(const std::filesystem::path& path) {
  const Compilation compiled =
      require(compile((source_dir() / "graphs/spnet_tiny.json").string(), {.parameters = {{"width", 8}}}));
  BOOST_TEST_REQUIRE(compiled.model.has_value());
  require(compiled.model->write(path.string()));
  return path.string();
}

}  // namespace graphrun::test
