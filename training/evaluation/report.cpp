#include "training/evaluation/report.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

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

}  // namespace

std::string metrics_json(const Metrics& metrics, std::span<const datasets::ClassInfo> classes,
                         std::int64_t images, const labelling::ProtocolSettings* protocol,
                         const datasets::SampleRange& range) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  member(writer, "mIoU", metrics.mean_iou);
  member(writer, "mAcc", metrics.mean_accuracy);
  member(writer, "aAcc", metrics.accuracy);
  writer.Key("per_class");
  writer.StartArray();
  for (std::size_t c = 0; c < classes.size(); ++c) {
    writer.StartObject();
    member(writer, "name", classes[c].name);
    member(writer, "iou", metrics.classes[c].iou);
    member(writer, "acc", metrics.classes[c].accuracy);
    writer.EndObject();
  }
  writer.EndArray();
  member(writer, "images", images);
  write_protocol(writer, protocol, range);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace graphrun::training
