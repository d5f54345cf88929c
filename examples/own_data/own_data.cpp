// Trains a model on data of the program's own (here: drawn, a bright disc on a dark ground), and scores it:
//
//     own_data spnet_tiny.fb run
#include <iostream>

#include "graphrun/evaluate.h"
#include "graphrun/trainer.h"

namespace {

class Discs final : public graphrun::Samples {
 public:
  explicit Discs(std::int64_t count) : count_(count) {}
  std::int64_t size() const override { return count_; }
  graphrun::Result<graphrun::Image> image(std::int64_t index) const override {
    graphrun::Image image{kSide, kSide, {}};
    for (std::int64_t i = 0; i < kSide * kSide; ++i)
      image.rgb.insert(image.rgb.end(), 3, is_disc(index, i) ? 220 : 40);
    return image;
  }
  graphrun::Result<graphrun::LabelMap> label(std::int64_t index) const override {
    graphrun::LabelMap label{kSide, kSide, {}};
    for (std::int64_t i = 0; i < kSide * kSide; ++i) label.ids.push_back(is_disc(index, i) ? 1 : 0);
    return label;
  }

 private:
  static constexpr std::int64_t kSide = 49;
  static bool is_disc(std::int64_t index, std::int64_t pixel) {
    const std::int64_t y = pixel / kSide - 12 - index * 7 % 25, x = pixel % kSide - 12 - index * 11 % 25;
    return y * y + x * x < 90;
  }
  std::int64_t count_;
};

int fail(const graphrun::Status& status) {
  std::cerr << "own_data: " << status.message() << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail({graphrun::ErrorCode::usage, "MODEL.fb FOLDER"});
  const graphrun::Result<graphrun::Dataset> discs =
      graphrun::Dataset::make("discs", {{"ground", {40, 40, 40}}, {"disc", {220, 60, 50}}},
                              {{"train", std::make_shared<Discs>(16)}, {"val", std::make_shared<Discs>(4)}});
  if (!discs.ok()) return fail(discs.status());
  graphrun::TrainerOptions options{.model = argv[1], .data = *discs, .folder = argv[2]};
  options.settings = {{"train_h", "33"}, {"train_w", "33"}, {"batch_size", "4"}, {"epochs", "2"}};
  graphrun::Result<graphrun::Trainer> trainer = graphrun::Trainer::prepare(options);
  if (!trainer.ok()) return fail(trainer.status());
  if (const auto result = trainer->run(); !result.ok()) return fail(result.status());
  const graphrun::Result<graphrun::Evaluation> scores = graphrun::evaluate({.run = argv[2], .data = *discs});
  if (!scores.ok()) return fail(scores.status());
  std::cout << "mIoU " << scores->mean_iou << " on " << scores->images << " images\n";
}
