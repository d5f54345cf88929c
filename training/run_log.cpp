#include "training/run_log.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "datasets/png_codec.h"

namespace graphrun::training {
namespace {

// The first values of an iteration's and an epoch's event.
constexpr std::string_view kIterationTag = "loss_train_batch";
constexpr std::string_view kEpochTag = "loss_train";

std::string epoch_json(const EpochRecord& record) {
  std::string line = fmt::format(
      "{{\"epoch\": {}, \"iter\": {}, \"loss_train\": {:.9g}, \"mIoU_train\": {:.9g}, \"mAcc_train\": "
      "{:.9g}, "
      "\"allAcc_train\": {:.9g}",
      record.epoch, record.iter, record.loss, record.scores.mean_iou, record.scores.mean_accuracy,
      record.scores.accuracy);
  if (record.validation) {
    const Metrics& scores = record.validation->scores;
    line += fmt::format(
        ", \"loss_val\": {:.9g}, \"mIoU_val\": {:.9g}, \"mAcc_val\": {:.9g}, \"allAcc_val\": {:.9g}, "
        "\"best\": "
        "{}",
        record.validation->loss, scores.mean_iou, scores.mean_accuracy, scores.accuracy, record.is_best);
  }
  return line + "}";
}

}  // namespace

Result<std::unique_ptr<RunLog>> RunLog::open(const std::filesystem::path& folder, const TrainState& start) {
  std::unique_ptr<RunLog> log(new RunLog());
  GRAPHRUN_ASSIGN(log->iterations_, JsonLines::open(folder / "metrics.jsonl", "iter", start.iteration));
  GRAPHRUN_ASSIGN(log->epochs_, JsonLines::open(folder / "epochs.jsonl", "epoch", start.epoch));
  GRAPHRUN_TRY(cut_event_files(folder, [&](const EventKey& event) {
    return (event.tag == kIterationTag && event.step > start.iteration) ||
           (event.tag == kEpochTag && event.step > start.epoch);
  }));
  GRAPHRUN_ASSIGN(log->events_, EventFile::create(folder, start.iteration > 0 ? start.iteration + 1 : 0));
  return log;
}

Status RunLog::iteration(const IterationRecord& record) {
  GRAPHRUN_TRY(iterations_->write(fmt::format(
      "{{\"iter\": {}, \"epoch\": {}, \"loss\": {:.9g}, \"main_loss\": {:.9g}, \"aux_loss\": {:.9g}, \"lr\": "
      "{:.9g}, \"data_s\": {:.6f}, \"step_s\": {:.6f}}}",
      record.iter, record.epoch, record.loss, record.main_loss, record.aux_loss, record.lr, record.data_s,
      record.step_s)));
  return events_->scalars(
      record.iter,
      std::array{Scalar{kIterationTag, record.main_loss}, Scalar{"mIoU_train_batch", record.scores.mean_iou},
                 Scalar{"mAcc_train_batch", record.scores.mean_accuracy},
                 Scalar{"allAcc_train_batch", record.scores.accuracy}, Scalar{"learning_rate", record.lr},
                 Scalar{"images_per_second", record.images_per_s}});
}

Status RunLog::epoch(const EpochRecord& record, std::span<const Picture> pictures) {
  GRAPHRUN_TRY(epochs_->write(epoch_json(record)));
  std::vector<Scalar> scalars{{kEpochTag, record.loss},
                              {"mIoU_train", record.scores.mean_iou},
                              {"mAcc_train", record.scores.mean_accuracy},
                              {"allAcc_train", record.scores.accuracy}};
  if (record.validation) {
    const Metrics& scores = record.validation->scores;
    scalars.insert(scalars.end(), {{"loss_val", record.validation->loss},
                                   {"mIoU_val", scores.mean_iou},
                                   {"mAcc_val", scores.mean_accuracy},
                                   {"allAcc_val", scores.accuracy}});
  }
  GRAPHRUN_TRY(events_->scalars(record.epoch, scalars));
  for (const Picture& picture : pictures) {
    const imaging::Image& image = picture.image;
    GRAPHRUN_ASSIGN(const std::string png,
                    datasets::encode_png(image.rgb, image.height, image.width, datasets::PngColor::rgb, {}));
    GRAPHRUN_TRY(events_->image(record.epoch, "prediction/" + picture.name, image.height, image.width, png));
  }
  return {};
}

}  // namespace graphrun::training
