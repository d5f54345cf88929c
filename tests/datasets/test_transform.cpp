#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <opencv2/imgproc.hpp>
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

datasets::AugmentParams parse_draws(std::istream& line) {
  datasets::AugmentParams draws;
  std::string angle, top, left;
  line >> draws.scale >> draws.aspect >> angle >> draws.blur >> draws.flip >> top >> left;
  BOOST_REQUIRE(line);
  if (angle != "-") draws.angle = std::stod(angle);
  if (top != "-") draws.crop = {std::stod(top), std::stod(left)};
  return draws;
}

void check_case(const datasets::Sample& sample, const datasets::AugmentSettings& settings,
                const datasets::AugmentParams& draws, const std::vector<float>& image,
                const std::vector<std::uint8_t>& label) {
  std::vector<float> out(image.size(), -1e9F);
  std::vector<std::int32_t> ids(label.size(), -1);
  datasets::AugmentScratch scratch;
  test::require(datasets::apply(sample, settings, draws, scratch, out.data(), ids.data()));
  float worst = 0;
  for (std::size_t i = 0; i < out.size(); ++i) worst = std::max(worst, std::abs(out[i] - image[i]));
  BOOST_TEST(worst <= 2e-5F);
  BOOST_TEST(std::equal(ids.begin(), ids.end(), label.begin(), label.end()));
}

// As 8-bit label files have ids, and as label maps do.
std::uint8_t byte_of(ClassId id) {
  return id == imaging::kIgnoredClass ? imaging::kByteIgnored : static_cast<std::uint8_t>(id);
}
std::vector<ClassId> label_ids(const std::vector<std::uint8_t>& bytes) {
  std::vector<ClassId> ids;
  for (const std::uint8_t byte : bytes)
    ids.push_back(byte == imaging::kByteIgnored ? imaging::kIgnoredClass : byte);
  return ids;
}

// The same transforms by OpenCV, each over the whole image, as the reference does them.
void whole_image_transforms(const datasets::Sample& sample, const datasets::AugmentSettings& settings,
                            const datasets::AugmentParams& draws, cv::Mat& image, cv::Mat& label) {
  const int rows = static_cast<int>(sample.image.height);
  const int columns = static_cast<int>(sample.image.width);
  cv::Mat(rows, columns, CV_8UC3, const_cast<std::uint8_t*>(sample.image.rgb.data()))
      .convertTo(image, CV_32F);
  label = cv::Mat(rows, columns, CV_8U);
  std::ranges::transform(sample.label.ids, label.ptr<std::uint8_t>(), byte_of);
  const cv::Scalar mean(settings.mean[0], settings.mean[1], settings.mean[2]);
  cv::Mat next;
  const auto step = [&next](cv::Mat& mat) {
    mat = next;
    next = cv::Mat();
  };
  const double root = std::sqrt(draws.aspect);
  cv::resize(image, next, cv::Size(), draws.scale * root, draws.scale / root, cv::INTER_LINEAR);
  step(image);
  cv::resize(label, next, cv::Size(), draws.scale * root, draws.scale / root, cv::INTER_NEAREST);
  step(label);
  if (draws.angle) {
    const cv::Size size = image.size();
    const cv::Point2f center(static_cast<float>(size.width) / 2, static_cast<float>(size.height) / 2);
    const cv::Mat matrix = cv::getRotationMatrix2D(center, *draws.angle, 1);
    cv::warpAffine(image, next, matrix, size, cv::INTER_LINEAR, cv::BORDER_CONSTANT, mean);
    step(image);
    cv::warpAffine(label, next, matrix, size, cv::INTER_NEAREST, cv::BORDER_CONSTANT, cv::Scalar(255));
    step(label);
  }
  if (draws.blur) {
    cv::GaussianBlur(image, next, cv::Size(5, 5), 0);
    step(image);
  }
  if (draws.flip) {
    cv::flip(image, next, 1);
    step(image);
    cv::flip(label, next, 1);
    step(label);
  }
  const int crop_h = static_cast<int>(settings.train_h);
  const int crop_w = static_cast<int>(settings.train_w);
  const int pad_h = std::max(crop_h - image.rows, 0);
  const int pad_w = std::max(crop_w - image.cols, 0);
  cv::copyMakeBorder(image, next, pad_h / 2, pad_h - pad_h / 2, pad_w / 2, pad_w - pad_w / 2,
                     cv::BORDER_CONSTANT, mean);
  step(image);
  cv::copyMakeBorder(label, next, pad_h / 2, pad_h - pad_h / 2, pad_w / 2, pad_w - pad_w / 2,
                     cv::BORDER_CONSTANT, cv::Scalar(255));
  step(label);
  const int top = static_cast<int>((*draws.crop)[0] * (image.rows - crop_h + 1));
  const int left = static_cast<int>((*draws.crop)[1] * (image.cols - crop_w + 1));
  image = image(cv::Rect(left, top, crop_w, crop_h)).clone();
  label = label(cv::Rect(left, top, crop_w, crop_h)).clone();
  image = (image - mean);
  cv::divide(image, cv::Scalar(settings.std[0], settings.std[1], settings.std[2]), image);
}

// Texture with edges, and labels in blocks with some ignored ones.
datasets::Sample textured_sample(std::int64_t height, std::int64_t width, core::Random random) {
  datasets::Sample sample{{height, width, {}}, {height, width, {}}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c)
        sample.image.rgb.push_back(static_cast<std::uint8_t>(random.next_double() * 256));
      const std::int64_t block = x / 7 + 3 * (y / 5);
      sample.label.ids.push_back(block % 11 == 10 ? imaging::kIgnoredClass
                                                  : static_cast<ClassId>(block % 11));
    }
  }
  return sample;
}

datasets::Sample small_sample() {
  datasets::Sample sample{{4, 6, std::vector<std::uint8_t>(72, 100)}, {4, 6, std::vector<ClassId>(24, 1)}};
  sample.label.ids[0] = imaging::kIgnoredClass;
  return sample;
}

}  // namespace

BOOST_AUTO_TEST_CASE(transforms_equal_the_reference) {
  std::ifstream cases(kFolder + "transforms.txt");
  const auto bytes = core::read_file(kFolder + "transforms.bin", 1 << 20);
  BOOST_REQUIRE(bytes.ok());
  Reader reader(*bytes);
  datasets::Sample sample;
  int count = 0;
  for (std::string text; std::getline(cases, text);) {
    std::istringstream line(text);
    std::string name;
    datasets::AugmentSettings settings;
    line >> name >> settings.train_h >> settings.train_w;
    const std::int64_t pixels = settings.train_h * settings.train_w;
    BOOST_TEST_CONTEXT(name) {
      if (name == "input") {
        sample = {{settings.train_h, settings.train_w, reader.take<std::uint8_t>(pixels * 3)},
                  {settings.train_h, settings.train_w, label_ids(reader.take<std::uint8_t>(pixels))}};
        continue;
      }
      const datasets::AugmentParams draws = parse_draws(line);
      const auto image = reader.take<float>(pixels * 3);
      check_case(sample, settings, draws, image, reader.take<std::uint8_t>(pixels));
      ++count;
    }
  }
  BOOST_TEST(count == 12);
  BOOST_TEST(reader.at_end());
}

BOOST_AUTO_TEST_CASE(a_crop_shows_what_transforms_of_the_whole_image_give) {
  datasets::AugmentScratch scratch;
  for (std::uint32_t i = 0; i < 120; ++i) {
    core::Random random(11, core::RandomPurpose::augment, 3, i);
    const auto between = [&random](double low, double high) {
      return static_cast<std::int64_t>(random.next_between(low, high));
    };
    datasets::AugmentSettings settings;
    settings.train_h = between(1, 90);
    settings.train_w = between(1, 90);
    settings.rotate_min = i % 3 == 0 ? -180 : -10;
    settings.rotate_max = -settings.rotate_min;
    if (i % 5 == 0) settings.aspect_max = 1.5;
    const std::int64_t height = between(2, 110);
    const datasets::Sample sample = textured_sample(height, between(2, 110), random);
    datasets::AugmentParams draws = datasets::draw(settings, random);
    if (i % 8 == 0) draws.scale = i % 16 == 0 ? 0.5 : 1;
    const std::int64_t pixels = settings.train_h * settings.train_w;
    std::vector<float> image(static_cast<std::size_t>(pixels * 3));
    std::vector<std::int32_t> label(static_cast<std::size_t>(pixels));
    test::require(datasets::apply(sample, settings, draws, scratch, image.data(), label.data()));
    cv::Mat whole_image, whole_label;
    whole_image_transforms(sample, settings, draws, whole_image, whole_label);
    float worst = 0;
    for (std::size_t k = 0; k < image.size(); ++k)
      worst = std::max(worst, std::abs(image[k] - whole_image.ptr<float>()[k]));
    BOOST_TEST_CONTEXT("case " << i << ", scale " << draws.scale) {
      BOOST_TEST(worst <= 2e-5F);
      BOOST_TEST(std::equal(label.begin(), label.end(), whole_label.ptr<std::uint8_t>()));
    }
  }
}

BOOST_AUTO_TEST_CASE(image_and_label_stay_aligned) {
  // The label is a function of the image: red rises by 2 a column, a class is 32 of it.
  datasets::Sample sample{{90, 128, {}}, {90, 128, {}}};
  for (int i = 0; i < 90 * 128; ++i) {
    const auto red = static_cast<std::uint8_t>(2 * (i % 128));
    sample.image.rgb.insert(sample.image.rgb.end(), {red, 0, 0});
    sample.label.ids.push_back(red / 32);
  }
  datasets::AugmentSettings settings;
  settings.train_h = settings.train_w = 80;
  std::vector<float> image(80 * 80 * 3);
  std::vector<std::int32_t> label(80 * 80);
  datasets::AugmentScratch scratch;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const datasets::AugmentParams draws =
        datasets::draw(settings, core::Random(5, core::RandomPurpose::augment, 0, i));
    test::require(datasets::apply(sample, settings, draws, scratch, image.data(), label.data()));
    // Three columns of the scaled image.
    const float margin = 6 / static_cast<float>(draws.scale);
    int wrong = 0, compared = 0;
    for (int y = 3; y < 77; ++y) {
      for (int x = 3; x < 77; ++x) {
        bool inside = true;  // away from padding, with which turn and blur mix the colours
        for (int dy = -3; dy <= 3; ++dy)
          for (int dx = -3; dx <= 3; ++dx) inside = inside && label[(y + dy) * 80 + x + dx] != 255;
        if (!inside) continue;
        const float red = image[(y * 80 + x) * 3] * static_cast<float>(settings.std[0]) +
                          static_cast<float>(settings.mean[0]);
        const auto low = static_cast<float>(label[y * 80 + x] * 32);
        wrong += red < low - margin || red > low + 31 + margin;
        ++compared;
      }
    }
    BOOST_TEST(wrong == 0);
    BOOST_TEST(compared > 500);
  }
}

BOOST_AUTO_TEST_CASE(ignored_pixels_and_padding_get_the_ignore_label) {
  datasets::AugmentSettings settings;
  settings.train_h = 6;
  settings.train_w = 6;
  settings.ignore_label = -7;
  std::vector<float> image(108);
  std::vector<std::int32_t> label(36);
  datasets::AugmentScratch scratch;
  test::require(datasets::apply(small_sample(), settings, {}, scratch, image.data(), label.data()));
  BOOST_TEST(label[0] == -7);  // padding
  BOOST_TEST(label[6] == -7);  // ignored in the label
  BOOST_TEST(label[7] == 1);
  BOOST_TEST(image[0] == 0);
}

BOOST_AUTO_TEST_CASE(draws_stay_in_their_ranges_and_repeat) {
  datasets::AugmentSettings settings;
  int turned = 0, blurred = 0, flipped = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const datasets::AugmentParams draws =
        datasets::draw(settings, core::Random(7, core::RandomPurpose::augment, 0, i));
    const datasets::AugmentParams again =
        datasets::draw(settings, core::Random(7, core::RandomPurpose::augment, 0, i));
    BOOST_REQUIRE((draws.scale >= 0.5 && draws.scale < 2));
    BOOST_REQUIRE((!draws.angle || (*draws.angle >= -10 && *draws.angle < 10)));
    BOOST_REQUIRE((draws.scale == again.scale && draws.angle == again.angle && draws.crop == again.crop));
    turned += draws.angle.has_value();
    blurred += draws.blur;
    flipped += draws.flip;
  }
  for (const int count : {turned, blurred, flipped}) BOOST_TEST((count > 440 && count < 560));
  settings.augment = false;
  const datasets::AugmentParams none =
      datasets::draw(settings, core::Random(7, core::RandomPurpose::augment));
  BOOST_TEST((none.scale == 1 && !none.angle && !none.blur && !none.flip && !none.crop));
}

BOOST_AUTO_TEST_CASE(impossible_settings_and_samples_are_refused) {
  datasets::AugmentSettings settings;
  settings.train_h = settings.train_w = 4;
  BOOST_TEST(datasets::validate(settings).ok());
  std::vector<float> image(48);
  std::vector<std::int32_t> label(16);
  datasets::AugmentScratch scratch;
  datasets::AugmentParams draws;
  draws.scale = 0.01;
  BOOST_TEST(!datasets::apply(small_sample(), settings, draws, scratch, image.data(), label.data()).ok());
  datasets::Sample uneven = small_sample();
  uneven.label.height = 3;
  BOOST_TEST(!datasets::apply(uneven, settings, {}, scratch, image.data(), label.data()).ok());
  settings.scale_min = 3;
  BOOST_TEST(!datasets::validate(settings).ok());
}
