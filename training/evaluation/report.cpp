#include "training/evaluation/report.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"

namespace graphrun::training {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void member(Writer& writer, const char* name, double value) {
  writer.Key(name);
  writer.Double(value);
}
void member(Writer& writer, const char* name, std::int64_t value) {
  writer.Key(name);
  writer.Int64(value);
}
void member(Writer& writer, const char* name, const std::string& value) {
  writer.Key(name);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write_protocol(Writer& writer, const labelling::ProtocolSettings* protocol,
                    const datasets::SampleRange& range) {
  writer.Key("protocol");
  writer.StartObject();
  member(writer, "name", protocol == nullptr ? "predictions" : protocol->name);
  if (protocol != nullptr) {
    writer.Key("scales");
    writer.StartArray();
    for (const double scale : protocol->scales) writer.Double(scale);
    writer.EndArray();
    writer.Key("flip");
    writer.Bool(protocol->flip);
    member(writer, "base_size", protocol->base_size);
    member(writer, "precision", std::string(to_string(protocol->precision)));
    if (protocol->name == "slide") {
      member(writer, "test_h", protocol->test_h);
      member(writer, "test_w", protocol->test_w);
    }
  }
  member(writer, "index_start", range.first);
  member(writer, "index_step", range.count);
  writer.EndObject();
}

void member(Writer& writer, const char* name, const Interval& interval) {
  writer.Key(name);
  writer.StartArray();
  writer.Double(interval.low);
  writer.Double(interval.high);
  writer.EndArray();
}

// Boundary IoU by class; empty where none was counted.
std::vector<double> boundary_ious(const ImageCounts& counts) {
  if (!counts.has_boundaries()) return {};
  const auto classes = static_cast<std::size_t>(counts.classes());
  std::vector<std::int64_t> intersections(classes), unions(classes);
  for (std::int64_t i = 0; i < counts.images(); ++i) {
    const auto row = counts.row(i);
    for (std::size_t c = 0; c < classes; ++c) {
      intersections[c] += row.boundary_intersections[c];
      unions[c] += row.boundary_unions[c];
    }
  }
  std::vector<double> ious;
  for (std::size_t c = 0; c < classes; ++c) ious.push_back(iou_of(intersections[c], unions[c]));
  return ious;
}

void write_classes(Writer& writer, const EvaluationRecord& record, const Metrics& metrics,
                   const std::vector<double>& boundaries) {
  writer.Key("per_class");
  writer.StartArray();
  for (std::size_t c = 0; c < record.classes.size(); ++c) {
    const ClassMetrics& of_class = metrics.classes[c];
    writer.StartObject();
    member(writer, "name", record.classes[c].name);
    member(writer, "iou", of_class.iou);
    member(writer, "acc", of_class.accuracy);
    member(writer, "dice", of_class.dice);
    member(writer, "precision", of_class.precision);
    member(writer, "recall", of_class.recall);
    member(writer, "f1", of_class.f1);
    if (!boundaries.empty()) member(writer, "boundary_iou", boundaries[c]);
    writer.EndObject();
  }
  writer.EndArray();
}

void write_sums(Writer& writer, const EvaluationRecord& record, const Metrics& metrics,
                const std::vector<double>& boundaries) {
  member(writer, "mIoU_present", metrics.mean_iou_present);
  member(writer, "classes_present", metrics.classes_present);
  member(writer, "mDice", metrics.mean_dice);
  member(writer, "mF1", metrics.mean_f1);
  member(writer, "fwIoU", metrics.weighted_iou);
  member(writer, "kappa", metrics.kappa);
  if (!boundaries.empty()) {
    member(
        writer, "mBoundaryIoU",
        std::accumulate(boundaries.begin(), boundaries.end(), 0.0) / static_cast<double>(boundaries.size()));
  }
  if (record.tally.images().images() == 0) return;
  const ScoreIntervals intervals = score_intervals(record.tally.images());
  member(writer, "mIoU_interval", intervals.mean_iou);
  member(writer, "mIoU_present_interval", intervals.mean_iou_present);
}

void write_calibration(Writer& writer, const EvaluationRecord& record) {
  const Calibration& calibration = record.tally.calibration();
  writer.Key("calibration");
  writer.StartObject();
  member(writer, "ece", calibration.expected_error());
  member(writer, "temperature", record.protocol->temperature);
  writer.Key("bins");
  writer.StartArray();
  for (std::size_t m = 0; const Calibration::Bin& bin : calibration.bins()) {
    writer.StartObject();
    member(writer, "from", static_cast<double>(m) / Calibration::kBins);
    member(writer, "to", static_cast<double>(++m) / Calibration::kBins);
    member(writer, "pixels", bin.pixels);
    member(writer, "confidence", bin.confidence);
    member(writer, "accuracy", bin.accuracy);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
}

// Writes counts of labels and predictions that are classes: a row a label, a column a prediction.
void write_confusion(Writer& writer, const ConfusionMatrix& confusion) {
  const auto classes = static_cast<std::size_t>(confusion.classes());
  writer.Key("confusion");
  writer.StartArray();
  for (std::size_t row = 0; row < classes; ++row) {
    writer.StartArray();
    for (const std::int64_t pixels : confusion.cells().subspan(row * (classes + 1), classes))
      writer.Int64(pixels);
    writer.EndArray();
  }
  writer.EndArray();
}

}  // namespace

std::string metrics_json(const EvaluationRecord& record) {
  const Metrics metrics = record.tally.confusion().metrics();
  const std::vector<double> boundaries = boundary_ious(record.tally.images());
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  member(writer, "mIoU", metrics.mean_iou);
  member(writer, "mAcc", metrics.mean_accuracy);
  member(writer, "aAcc", metrics.accuracy);
  write_classes(writer, record, metrics, boundaries);
  member(writer, "images", record.tally.images().images());
  write_protocol(writer, record.protocol, record.range);
  write_sums(writer, record, metrics, boundaries);
  if (record.tally.has_confidence() && record.protocol != nullptr) write_calibration(writer, record);
  write_confusion(writer, record.tally.confusion());
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace graphrun::training
