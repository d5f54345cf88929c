#include "training/report/pictures_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "datasets/jpeg_encoder.h"
#include "datasets/png_codec.h"
#include "training/evaluation/pictures.h"
#include "training/evaluation/sheet.h"
#include "training/evaluation/small_picture.h"
#include "training/report/html.h"
#include "training/report/scored_images.h"

namespace graphrun::training {
namespace {

Result<std::string> png_uri(const imaging::LabelMap& map, std::span<const imaging::Color> palette) {
  std::string png;
  if (palette.size() <= 255) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(map.ids.size());
    for (const ClassId id : map.ids) bytes.push_back(static_cast<std::uint8_t>(std::min<int>(id, 255)));
    GRAPHRUN_ASSIGN(png,
                    datasets::encode_png(bytes, map.height, map.width, datasets::PngColor::palette, palette));
  } else {
    std::vector<std::uint8_t> rgb;
    rgb.reserve(3 * map.ids.size());
    for (const ClassId id : map.ids) {
      const imaging::Color color = id < palette.size() ? palette[id] : imaging::Color{};
      rgb.insert(rgb.end(), {color.r, color.g, color.b});
    }
    GRAPHRUN_ASSIGN(png, datasets::encode_png(rgb, map.height, map.width, datasets::PngColor::rgb, {}));
  }
  return data_uri("image/png", png);
}

// "road 34 %, building 21 %, sky 15 %"
std::string largest_classes(const imaging::LabelMap& map, std::span<const datasets::ClassInfo> classes) {
  constexpr std::size_t kMax = 3;
  std::map<ClassId, std::int64_t> counts;
  for (const ClassId id : map.ids) ++counts[id];
  std::vector<std::pair<std::int64_t, ClassId>> order;
  for (const auto& [id, count] : counts) {
    if (id < classes.size()) order.emplace_back(count, id);
  }
  std::ranges::sort(order, std::ranges::greater{});
  std::string text;
  for (std::size_t i = 0; i < std::min(order.size(), kMax); ++i) {
    const double share = static_cast<double>(order[i].first) / static_cast<double>(map.ids.size());
    text += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", classes[order[i].second].name, 100 * share);
  }
  return text;
}

std::string panel(std::string_view title, const std::string& alt, const std::string& uri,
                  const imaging::Extent& size) {
  return fmt::format(
      "<div class=\"panel\"><img src=\"{}\" alt=\"{}\" width=\"{}\" height=\"{}\"><span "
      "class=\"name\">{}</span></div>\n",
      uri, escaped(alt), size.width, size.height, title);
}

class Pictures {
 public:
  Pictures(const datasets::Dataset& data, const datasets::Descriptor& descriptor,
           const std::filesystem::path& results, std::int64_t side)
      : data_(data),
        descriptor_(descriptor),
        results_(results),
        palette_(class_colors(descriptor.classes)),
        side_(side) {}

  Status add(std::string_view title, const std::vector<ImageScore>& images) {
    if (images.empty()) return {};
    html_ += fmt::format("<h3>{}</h3>\n<div class=\"samples\">\n", title);
    for (const ImageScore& image : images) GRAPHRUN_TRY(add(image).with_context(data_.name(image.index)));
    html_ += "</div>\n";
    return {};
  }
  const std::string& html() const { return html_; }

 private:
  Status add(const ImageScore& score) {
    GRAPHRUN_ASSIGN(const datasets::Sample sample, data_.load(score.index));
    GRAPHRUN_ASSIGN(const imaging::LabelMap map, read_label_map(results_, data_.name(score.index)));
    const imaging::Extent size = within({sample.image.height, sample.image.width}, side_);
    const imaging::LabelMap label = shrunk(sample.label, size);
    const imaging::LabelMap prediction = shrunk(map, size);
    constexpr int kQuality = 80;
    GRAPHRUN_ASSIGN(const std::string jpeg, datasets::encode_jpeg(shrunk(sample.image, size), kQuality));
    GRAPHRUN_ASSIGN(const std::string label_uri, png_uri(label, palette_));
    GRAPHRUN_ASSIGN(const std::string prediction_uri, png_uri(prediction, palette_));
    GRAPHRUN_ASSIGN(
        const std::string wrong_uri,
        png_uri(difference(label, prediction), std::array{kRightColor, kWrongColor, kNowhereColor}));
    const std::string name = data_.name(score.index);
    html_ += fmt::format(
        "<figure class=\"sample\"><figcaption><h4>{}</h4><p>mIoU {:.3f} · {} right{}</p></figcaption>\n"
        "<div class=\"panels\">\n",
        escaped(name), score.iou, percent(score.accuracy),
        score.confidence ? fmt::format(" · confidence {:.3f}", *score.confidence) : "");
    html_ += panel("Image", "The image " + name, data_uri("image/jpeg", jpeg), size);
    html_ += panel("Label", "Its label: " + largest_classes(label, descriptor_.classes), label_uri, size);
    html_ +=
        panel("Prediction", "What the network found: " + largest_classes(prediction, descriptor_.classes),
              prediction_uri, size);
    html_ += panel("Difference",
                   fmt::format("Where they differ: {} of the labelled pixels", percent(1 - score.accuracy)),
                   wrong_uri, size);
    html_ += "</div></figure>\n";
    return {};
  }

  const datasets::Dataset& data_;
  const datasets::Descriptor& descriptor_;
  const std::filesystem::path& results_;
  std::vector<imaging::Color> palette_;
  std::int64_t side_;
  std::string html_;
};

std::string key_of_colors(const datasets::Descriptor& descriptor) {
  constexpr std::size_t kMax = 60;
  std::string html = "<ul class=\"colors\" aria-label=\"Colours of the classes\">\n";
  const auto entry = [&](const imaging::Color& color, const std::string& name) {
    html +=
        fmt::format("<li><span class=\"swatch\" style=\"background:#{:02x}{:02x}{:02x}\"></span>{}</li>\n",
                    color.r, color.g, color.b, escaped(name));
  };
  if (descriptor.classes.size() <= kMax) {
    for (const datasets::ClassInfo& info : descriptor.classes) entry(info.color, info.name);
  }
  entry(kWrongColor, "difference: wrong");
  entry(kRightColor, "difference: right");
  entry(kNowhereColor, "difference: counts nowhere");
  return html + "</ul>\n";
}

}  // namespace

Result<std::string> pictures_section(const datasets::Dataset& data, const datasets::Descriptor& descriptor,
                                     const std::filesystem::path& results) {
  constexpr std::size_t kMaxBytes = 3'200'000;
  const int classes = static_cast<int>(descriptor.classes.size());
  const ChosenImages chosen = choose_images(score_images(data, results, classes));
  if (chosen.worst.empty()) {
    return Status(ErrorCode::not_found, results.string() + ": no label maps of these images in gray/");
  }
  std::string html;
  for (const std::int64_t side : {480, 360, 270, 200, 140, 90}) {
    Pictures pictures(data, descriptor, results, side);
    GRAPHRUN_TRY(pictures.add("Worst", chosen.worst));
    GRAPHRUN_TRY(pictures.add("Least certain", chosen.least_certain));
    GRAPHRUN_TRY(pictures.add("Best", chosen.best));
    html = pictures.html();
    if (html.size() <= kMaxBytes) break;
  }
  return section("images", "Images", key_of_colors(descriptor) + html);
}

}  // namespace graphrun::training
