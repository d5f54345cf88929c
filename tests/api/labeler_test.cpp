#include "graphrun/labeler.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "tests/api/files.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

LabelerOptions on_cpu(const std::string& model) {
  LabelerOptions options{.model = model};
  options.device = "cpu";
  options.threads = 1;
  return options;
}

LabelMap label(Labeler& labeler, std::int64_t height, std::int64_t width) {
  const std::vector<std::uint8_t> rgb = picture(height, width);
  return take(labeler.label({rgb.data(), height, width}));
}
LabelMap label(Result<Labeler> opened, std::int64_t height, std::int64_t width) {
  Labeler labeler = take(std::move(opened));
  return label(labeler, height, width);
}

}  // namespace

BOOST_AUTO_TEST_CASE(images_of_any_size_are_labelled) {
  const Disk disk;
  Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  BOOST_TEST((labeler.classes() == 11 && labeler.channels() == 3));
  BOOST_TEST((labeler.class_names().at(10) == "class 10" && labeler.palette().size() == 11));
  BOOST_TEST(labeler.device().name() == "cpu");
  for (const auto& [height, width] :
       {std::pair(1, 1), std::pair(20, 31), std::pair(70, 40), std::pair(20, 31)}) {
    const LabelMap map = label(labeler, height, width);
    BOOST_TEST((map.height == height && map.width == width));
    BOOST_TEST(map.ids.size() == static_cast<std::size_t>(height * width));
    BOOST_TEST(std::ranges::all_of(map.ids, [](ClassId id) { return id < 11; }));
    BOOST_TEST(map.at(height - 1, width - 1) == map.ids.back());
  }
  BOOST_TEST(take(labeler.memory_for({70, 40})) > 0);
}

// A model that was packed without a data set has none.
BOOST_AUTO_TEST_CASE(classes_without_names_get_some) {
  const Disk disk({.named = false});
  const Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  BOOST_TEST((labeler.class_names().size() == 11 && labeler.class_names().at(10) == "class 10"));
  BOOST_TEST(labeler.palette().empty());
}

BOOST_AUTO_TEST_CASE(a_bundle_labels_as_its_model_and_weights_do) {
  const Disk disk;
  LabelerOptions options = on_cpu(disk.path("model.fb"));
  options.weights = disk.path("weights.safetensors");
  Labeler files = take(Labeler::open(options));
  Labeler bundle = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  BOOST_TEST((label(files, 50, 61).ids == label(bundle, 50, 61).ids));
  // In bf16 weights are rounded to 8 bits of precision: few pixels of a trained network change their class.
  disk.pack("narrow.grun", DType::bf16);
  BOOST_TEST(std::filesystem::file_size(disk.path("narrow.grun")) <
             std::filesystem::file_size(disk.path("model.grun")));
  BOOST_TEST(label(Labeler::open(on_cpu(disk.path("narrow.grun"))), 50, 61).ids.size() == 50u * 61);
}

// With what the options said, which nobody needs to say again.
BOOST_AUTO_TEST_CASE(a_labeler_is_packed) {
  const Disk disk;
  LabelerOptions options = on_cpu(disk.path("model.fb"));
  options.weights = disk.path("weights.safetensors");
  options.protocol = "whole";
  options.scales = {{0.5, 1.0}};
  Labeler labeler = take(Labeler::open(options));
  label(labeler, 20, 31);
  take(labeler.pack(disk.path("packed.grun")));
  Labeler packed = take(Labeler::open(on_cpu(disk.path("packed.grun"))));
  BOOST_TEST((label(labeler, 50, 61).ids == label(packed, 50, 61).ids));
  BOOST_TEST((packed.class_names() == labeler.class_names()));
  take(packed.pack(disk.path("narrow.grun"), DType::bf16));
  BOOST_TEST(std::filesystem::file_size(disk.path("narrow.grun")) <
             std::filesystem::file_size(disk.path("packed.grun")));
  take(Labeler::open(on_cpu(disk.path("narrow.grun"))));
  fails(labeler.pack(disk.path("packed.fb")), ErrorCode::invalid_argument, "ends in .grun");
  fails(labeler.pack(disk.path("packed.grun"), DType::f64), ErrorCode::invalid_argument, "f64");
  fails(labeler.pack(disk.path("packed.grun"), DType::s8), ErrorCode::invalid_argument, "grun quantize");
  fails(labeler.pack(disk.path("nowhere/packed.grun")), ErrorCode::not_found, "nowhere");
}

BOOST_AUTO_TEST_CASE(options_are_stronger_than_the_model) {
  const Disk disk;
  const auto with = [&](const auto& change) {
    LabelerOptions options = on_cpu(disk.path("model.grun"));
    options.confidence = true;  // which a network of random weights tells apart where classes are the same
    change(options);
    return label(Labeler::open(options), 60, 45).confidence;
  };
  const std::vector<float> plain = with([](auto&) {});
  // The network takes any size: it sees the whole image where nobody says otherwise. A crop means slide.
  BOOST_TEST((with([](auto& options) { options.protocol = "whole"; }) == plain));
  const std::vector<float> crops = with([](auto& options) { options.protocol = "slide"; });
  BOOST_TEST((with([](auto& options) { options.crop = ImageSize{33, 33}; }) == crops));
  std::set<std::vector<float>> maps{plain, crops};
  maps.insert(with([](auto& options) { options.crop = ImageSize{65, 17}; }));
  maps.insert(with([](auto& options) { options.scales = {0.5, 1.5}; }));
  maps.insert(with([](auto& options) { options.base_size = 200; }));
  BOOST_TEST(maps.size() == 5u);
  BOOST_TEST(with([](auto& options) { options.flip = false; }).size() == plain.size());
}

BOOST_AUTO_TEST_CASE(several_images_at_once_and_floats_give_the_same) {
  const Disk disk;
  Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  const std::vector<std::uint8_t> first = picture(20, 31), second = picture(45, 9);
  const std::vector<float> floats(second.begin(), second.end());
  const std::vector<ImageView> images{{first.data(), 20, 31}, {floats.data(), 45, 9, 3, DType::f32}};
  const std::vector<LabelMap> maps = take(labeler.label(images));
  BOOST_TEST_REQUIRE(maps.size() == 2u);
  BOOST_TEST((maps[0].ids == label(labeler, 20, 31).ids && maps[1].ids == label(labeler, 45, 9).ids));
  BOOST_TEST(take(labeler.label(std::span<const ImageView>())).empty());
}

BOOST_AUTO_TEST_CASE(confidence_is_the_probability_of_the_class) {
  const Disk disk;
  for (const char* protocol : {"slide", "whole"}) {
    for (const std::vector<double>& scales : {std::vector<double>{1.0}, std::vector<double>{0.5, 1.0}}) {
      for (const bool flip : {true, false}) {
        LabelerOptions options = on_cpu(disk.path("model.grun"));
        options.protocol = protocol;
        options.scales = scales;
        options.flip = flip;
        const LabelMap plain = label(Labeler::open(options), 41, 50);
        BOOST_TEST(plain.confidence.empty());
        options.confidence = true;
        const LabelMap map = label(Labeler::open(options), 41, 50);
        BOOST_TEST_REQUIRE(map.confidence.size() == map.ids.size());
        BOOST_TEST((map.ids == plain.ids));
        // The largest of 11 numbers that sum to 1, and not the same everywhere.
        const auto [least, most] = std::ranges::minmax_element(map.confidence);
        BOOST_TEST((*least > 1.0 / 11 - 1e-5 && *most <= 1 + 1e-5 && *least < *most));

        Labeler labeler = take(Labeler::open(options));
        const std::vector<std::uint8_t> rgb = picture(41, 50);
        const LabelMap all = take(labeler.label({rgb.data(), 41, 50}, {.probabilities = true}));
        BOOST_TEST((all.ids == map.ids && all.confidence.empty()));
        BOOST_TEST_REQUIRE(all.probabilities.size() == 11 * map.ids.size());
        for (std::size_t i = 0; i < map.ids.size(); ++i) {
          double sum = 0;
          std::size_t best = 0;
          const auto of = [&](std::size_t c) { return all.probabilities[c * map.ids.size() + i]; };
          for (std::size_t c = 0; c < 11; ++c) {
            sum += static_cast<double>(of(c));
            if (of(c) > of(best)) best = c;
          }
          BOOST_REQUIRE((std::abs(sum - 1) < 1e-5 && best == map.ids[i] && of(best) == map.confidence[i]));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_may_share_a_labeler) {
  const Disk disk;
  Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  const LabelMap small = label(labeler, 20, 31), large = label(labeler, 60, 45);
  std::vector<LabelMap> maps(8);
  {
    const std::vector<std::uint8_t> rgb_small = picture(20, 31), rgb_large = picture(60, 45);
    const auto work = [&](std::size_t begin) {
      for (std::size_t i = begin; i < maps.size(); i += 2) {
        auto map =
            i % 4 < 2 ? labeler.label({rgb_small.data(), 20, 31}) : labeler.label({rgb_large.data(), 60, 45});
        if (map.ok()) maps[i] = *std::move(map);
      }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
  }
  for (std::size_t i = 0; i < maps.size(); ++i)
    BOOST_TEST((maps[i].ids == (i % 4 < 2 ? small : large).ids), "image " << i);
}

BOOST_AUTO_TEST_CASE(more_than_256_classes_have_numbers) {
  const Disk disk({.crop = 33, .classes = 1000});
  Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  BOOST_TEST(labeler.classes() == 1000);
  const LabelMap map = label(labeler, 40, 50);
  BOOST_TEST(std::ranges::all_of(map.ids, [](ClassId id) { return id < 1000; }));
  BOOST_TEST(*std::ranges::max_element(map.ids) > 255);
  LabelerOptions options = on_cpu(disk.path("model.grun"));
  options.protocol = "whole";
  const LabelMap whole = label(Labeler::open(options), 40, 50);
  BOOST_TEST(*std::ranges::max_element(whole.ids) > 255);
}

BOOST_AUTO_TEST_CASE(wrong_images_are_errors) {
  const Disk disk;
  Labeler labeler = take(Labeler::open(on_cpu(disk.path("model.grun"))));
  const std::vector<std::uint8_t> rgb = picture(20, 31);
  const auto refuse = [&](const ImageView& image, const std::string& message) {
    fails(labeler.label(image), ErrorCode::invalid_argument, message);
  };
  refuse({}, "no data");
  refuse({nullptr, 20, 31}, "no data");
  refuse({rgb.data(), 0, 31}, "pixels");
  refuse({rgb.data(), 20, 31, 1}, "1 channels");
  refuse({rgb.data(), 20, 31, 3, DType::bf16}, "bf16");
  refuse({rgb.data(), 20, 31, 3, DType::u8, 92}, "row_pitch");
  // One that is wrong ends them all.
  const std::vector<ImageView> images{{rgb.data(), 20, 31}, {rgb.data(), 20, 31, 4}};
  fails(labeler.label(images), ErrorCode::invalid_argument, "4 channels");
  BOOST_TEST(label(labeler, 20, 31).ids.size() == 620u);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_errors) {
  const Disk disk;
  const auto refuse = [&](ErrorCode code, const std::string& message, const auto& change) {
    LabelerOptions options = on_cpu(disk.path("model.grun"));
    change(options);
    fails(Labeler::open(options), code, message);
  };
  refuse(ErrorCode::usage, "bundle",
         [&](auto& options) { options.weights = disk.path("weights.safetensors"); });
  refuse(ErrorCode::usage, "weights", [&](auto& options) { options.model = disk.path("model.fb"); });
  refuse(ErrorCode::not_found, "none.grun", [&](auto& options) { options.model = disk.path("none.grun"); });
  refuse(ErrorCode::invalid_argument, "gpu", [](auto& options) { options.device = "gpu"; });
  refuse(ErrorCode::invalid_argument, "slides", [](auto& options) { options.protocol = "slides"; });
  refuse(ErrorCode::invalid_argument, "scales", [](auto& options) { options.scales.emplace(); });
  refuse(ErrorCode::invalid_argument, "scales", [](auto& options) { options.scales = {std::nan("")}; });
  refuse(ErrorCode::invalid_argument, "crop", [](auto& options) { options.crop = ImageSize{0, 33}; });
  refuse(ErrorCode::invalid_argument, "base_size", [](auto& options) { options.base_size = -1; });
  refuse(ErrorCode::invalid_argument, "batch", [](auto& options) { options.batch = -1; });
  refuse(ErrorCode::invalid_argument, "sessions", [](auto& options) { options.sessions = 0; });
  refuse(ErrorCode::invalid_argument, "memory_limit", [](auto& options) { options.memory_limit = -1; });
  refuse(ErrorCode::invalid_argument, "clases", [](auto& options) { options.parameters = {{"clases", 3}}; });
  refuse(ErrorCode::unsupported, "i64", [](auto& options) { options.precision = DType::i64; });
}

BOOST_AUTO_TEST_CASE(memory_has_a_limit) {
  const Disk disk;
  LabelerOptions options = on_cpu(disk.path("model.grun"));
  options.memory_limit = 100000;
  Labeler labeler = take(Labeler::open(options));
  const std::vector<std::uint8_t> rgb = picture(20, 31);
  fails(labeler.label({rgb.data(), 20, 31}), ErrorCode::out_of_memory, "may be used");
}

BOOST_AUTO_TEST_CASE(prepared_weights_are_kept_where_the_caller_says) {
  const Disk disk;
  LabelerOptions options = on_cpu(disk.path("model.grun"));
  options.cache = disk.path("");
  Labeler labeler = take(Labeler::open(options));
  const LabelMap map = label(labeler, 20, 31);
  take(labeler.save_packed());
  BOOST_TEST(!std::filesystem::is_empty(disk.path("prepared")));
  BOOST_TEST((label(Labeler::open(options), 20, 31).ids == map.ids));
}

BOOST_AUTO_TEST_CASE(an_image_is_labelled_by_rows) {
  const Disk disk;
  LabelerOptions options = on_cpu(disk.path("model.grun"));
  options.crop = ImageSize{33, 33};
  options.scales = {1.0};
  options.base_size = 0;
  Labeler labeler = take(Labeler::open(options));
  constexpr std::int64_t kHeight = 90, kWidth = 70;
  const std::vector<std::uint8_t> rgb = picture(kHeight, kWidth);
  const LabelMap whole = take(labeler.label({rgb.data(), kHeight, kWidth}));
  std::size_t read = 0;
  const TiledImage image{kHeight, kWidth, 3, DType::u8, [&](std::int64_t rows, void* to) {
                           const auto bytes = static_cast<std::size_t>(3 * rows * kWidth);
                           std::copy_n(rgb.data() + read, bytes, static_cast<std::uint8_t*>(to));
                           read += bytes;
                           return Status();
                         }};
  std::int64_t pixels = 0;
  take(labeler.label_tiled(image, [&](const LabelWindow& window) {
    pixels += window.map.height * window.map.width;
    BOOST_TEST(window.map.at(0, 0) == whole.at(window.top, window.left));
    return Status();
  }));
  BOOST_TEST(read == rgb.size());
  BOOST_TEST(pixels == kHeight * kWidth);
  read = 0;
  const Status refused =
      labeler.label_tiled(image, [](const LabelWindow&) { return Status(ErrorCode::io, "full"); });
  BOOST_TEST(refused.message() == "full");
}
