#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <sstream>

#include "datasets/augment.h"
#include "runtime/core/file.h"
#include "tests/datasets/require.h"

// Golden files: golden/make_golden.py. Labels are equal; images agree to float rounding, since OpenCV's
// kernels round differently from one CPU generation to the next.
using namespace graphrun;

namespace {

const std::string kFolder = GRAPHRUN_SOURCE_DIR "/tests/datasets/golden/";

class Reader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}
  template <class T>
  std::vector<T> take(std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    BOOST_REQUIRE(bytes_.size() - at_ >= values.size() * sizeof(T));
    std::memcpy(values.data(), bytes_.data() + at_, values.size() * sizeof(T));
    at_ += values.size() * sizeof(T);
    return values;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

Draws parse_draws(std::istream& line) {
  Draws draws;
  std::string angle, top, left;
  line >> draws.scale >> angle >> draws.blur >> draws.flip >> top >> left;
  BOOST_REQUIRE(line);
  if (angle != "-") draws.angle = std::stod(angle);
  if (top != "-") draws.crop = {std::stod(top), std::stod(left)};
  return draws;
}

void check_case(const Sample& sample, const AugmentSettings& settings, const Draws& draws,
                const std::vector<float>& image, const std::vector<std::uint8_t>& label) {
  std::vector<float> out(image.size(), -1e9F);
  std::vector<std::int32_t> ids(label.size(), -1);
  AugmentScratch scratch;
  test::require(apply(sample, settings, draws, scratch, out.data(), ids.data()));
  float worst = 0;
  for (std::size_t i = 0; i < out.size(); ++i) worst = std::max(worst, std::abs(out[i] - image[i]));
  BOOST_TEST(worst <= 2e-5F);
  BOOST_TEST(std::equal(ids.begin(), ids.end(), label.begin(), label.end()));
}

Sample small_sample() {
  Sample sample{{4, 6, std::vector<std::uint8_t>(72, 100)}, {4, 6, std::vector<std::uint8_t>(24, 1)}};
  sample.label.ids[0] = kIgnoredClass;
  return sample;
}

}  // namespace

BOOST_AUTO_TEST_CASE(transforms_equal_the_reference) {
  std::ifstream cases(kFolder + "transforms.txt");
  const auto bytes = read_file(kFolder + "transforms.bin", 1 << 20);
  BOOST_REQUIRE(bytes.ok());
  Reader reader(*bytes);
  Sample sample;
  int count = 0;
  for (std::string text; std::getline(cases, text);) {
    std::istringstream line(text);
    std::string name;
    AugmentSettings settings;
    line >> name >> settings.train_h >> settings.train_w;
    const std::int64_t pixels = settings.train_h * settings.train_w;
    BOOST_TEST_CONTEXT(name) {
      if (name == "input") {
        sample = {{settings.train_h, settings.train_w, reader.take<std::uint8_t>(pixels * 3)},
                  {settings.train_h, settings.train_w, reader.take<std::uint8_t>(pixels)}};
        continue;
      }
      const Draws draws = parse_draws(line);
      const auto image = reader.take<float>(pixels * 3);
      check_case(sample, settings, draws, image, reader.take<std::uint8_t>(pixels));
      ++count;
    }
  }
  BOOST_TEST(count == 11);
  BOOST_TEST(reader.at_end());
}

BOOST_AUTO_TEST_CASE(ignored_pixels_and_padding_get_the_ignore_label) {
  AugmentSettings settings;
  settings.train_h = 6;
  settings.train_w = 6;
  settings.ignore_label = -7;
  std::vector<float> image(108);
  std::vector<std::int32_t> label(36);
  AugmentScratch scratch;
  test::require(apply(small_sample(), settings, {}, scratch, image.data(), label.data()));
  BOOST_TEST(label[0] == -7);  // padding
  BOOST_TEST(label[6] == -7);  // ignored in the label
  BOOST_TEST(label[7] == 1);
  BOOST_TEST(image[0] == 0);
}

BOOST_AUTO_TEST_CASE(draws_stay_in_their_ranges_and_repeat) {
  AugmentSettings settings;
  int turned = 0, blurred = 0, flipped = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Draws draws = draw(settings, Random(7, RandomPurpose::augment, 0, i));
    const Draws again = draw(settings, Random(7, RandomPurpose::augment, 0, i));
    BOOST_REQUIRE((draws.scale >= 0.5 && draws.scale < 2));
    BOOST_REQUIRE((!draws.angle || (*draws.angle >= -10 && *draws.angle < 10)));
    BOOST_REQUIRE((draws.scale == again.scale && draws.angle == again.angle && draws.crop == again.crop));
    turned += draws.angle.has_value();
    blurred += draws.blur;
    flipped += draws.flip;
  }
  for (const int count : {turned, blurred, flipped}) BOOST_TEST((count > 440 && count < 560));
  settings.augment = false;
  const Draws none = draw(settings, Random(7, RandomPurpose::augment));
  BOOST_TEST((none.scale == 1 && !none.angle && !none.blur && !none.flip && !none.crop));
}

BOOST_AUTO_TEST_CASE(impossible_settings_and_samples_are_refused) {
  AugmentSettings settings;
  settings.train_h = settings.train_w = 4;
  BOOST_TEST(validate(settings).ok());
  std::vector<float> image(48);
  std::vector<std::int32_t> label(16);
  AugmentScratch scratch;
  Draws draws;
  draws.scale = 0.01;
  BOOST_TEST(!apply(small_sample(), settings, draws, scratch, image.data(), label.data()).ok());
  Sample uneven = small_sample();
  uneven.label.height = 3;
  BOOST_TEST(!apply(uneven, settings, {}, scratch, image.data(), label.data()).ok());
  settings.scale_min = 3;
  BOOST_TEST(!validate(settings).ok());
}
