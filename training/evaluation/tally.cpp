#include "training/evaluation/tally.h"

#include "runtime/imaging/image.h"

namespace graphrun::training {

void Tally::add(std::int64_t image, const LabelMap& map, const LabelMap& label) {
  of_image_.clear();
  of_image_.add(map.ids, label.ids, imaging::kIgnoredClass);
  confusion_.merge(of_image_);
  const ImageCounts::Row<std::int64_t> row = images_.row(image);
  const Metrics metrics = of_image_.metrics();
  for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
    const ClassMetrics& of_class = metrics.classes[c];
    row.intersections[c] = of_class.intersection;
    row.unions[c] = of_class.union_;
    row.pixels += of_class.target;
    row.correct += of_class.intersection;
  }
  if (!map.confidence.empty()) row.confidence = calibration_.add(map, label, confusion_.classes());
  if (images_.has_boundaries()) boundaries_.count(map, label, row);
}

Result<Tally> Tally::sum(const Tally& own, std::int64_t images, collective::Communicator& comm) {
  Tally all(images, own.confusion_.classes(), own.images_.has_boundaries());
  all.confusion_ = own.confusion_;
  all.calibration_ = own.calibration_;
  all.images_.place(own.images_, comm.rank(), comm.size());
  for (const std::span<std::int64_t> cells :
       {all.confusion_.cells(), all.calibration_.cells(), all.images_.cells()})
    GRAPHRUN_TRY(collective::all_reduce<std::int64_t>(comm, cells));
  return all;
}

}  // namespace graphrun::training
