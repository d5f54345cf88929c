#include "training/run/run_folder.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <system_error>

#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

const fs::path kLatest = "exp/latest";

std::string record_json(const RunRecord& record) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  writer.Key("dataset");
  writer.String(record.dataset.c_str());
  writer.Key("data_root");
  if (record.data_root) {
    writer.String(record.data_root->c_str());
  } else {
    writer.Null();
  }
  writer.Key("precision");
  writer.String(record.precision.c_str());
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

// How the run's network is to label images: the model's own protocol with the run's sizes.
model::LabellingProtocol protocol_of(const SettingTable& settings,
                                     const std::optional<model::LabellingProtocol>& own) {
  model::LabellingProtocol protocol = own.value_or(model::LabellingProtocol{});
  for (const auto& [name, size] :
       {std::pair("test_h", &protocol.crop_h), std::pair("test_w", &protocol.crop_w)}) {
    if (settings.has_value(name)) *size = settings.integer(name);
  }
  if (!own || settings.is_explicit("base_size")) protocol.base_size = settings.integer("base_size");
  if (!own || settings.is_explicit("scales")) protocol.scales = settings.reals("scales");
  return protocol;
}

}  // namespace

RunRecord make_run_record(const std::string& dataset, const std::string& data_root) {
  RunRecord record{dataset, std::nullopt};
  std::error_code ignored;
  const bool is_path = dataset.find('/') != std::string::npos || dataset.ends_with(".json");
  if (is_path) record.dataset = fs::absolute(dataset, ignored).lexically_normal().string();
  if (!data_root.empty()) record.data_root = fs::absolute(data_root, ignored).lexically_normal();
  return record;
}

Result<RunRecord> read_run_record(const fs::path& folder) try {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  const fs::path path = folder / "run.json";
  GRAPHRUN_ASSIGN(const std::string json, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const Status wrong(
      ErrorCode::invalid_file,
      path.string() + ": expected {\"dataset\": text, \"data_root\": text or null, \"precision\": text}");
  if (document.HasParseError() || !document.IsObject()) return wrong;
  const auto dataset = document.FindMember("dataset");
  if (dataset == document.MemberEnd() || !dataset->value.IsString()) return wrong;
  RunRecord record{dataset->value.GetString(), std::nullopt};
  if (const auto precision = document.FindMember("precision"); precision != document.MemberEnd()) {
    if (!precision->value.IsString()) return wrong;
    record.precision = precision->value.GetString();
  }
  const auto data_root = document.FindMember("data_root");
  if (data_root == document.MemberEnd() || data_root->value.IsNull()) return record;
  if (!data_root->value.IsString()) return wrong;
  record.data_root = data_root->value.GetString();
  return record;
} catch (...) {
  return core::caught();
}

fs::path new_run_folder(const std::string& dataset, const std::string& model) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char time[32] = "";
  std::tm parts{};
  if (localtime_r(&now, &parts) != nullptr) std::strftime(time, sizeof(time), "%Y%m%d-%H%M%S", &parts);
  const fs::path base = fs::path("exp") / dataset / model / time;
  fs::path folder = base;
  std::error_code ignored;
  for (int i = 2; fs::exists(folder, ignored); ++i) folder = base.string() + "-" + std::to_string(i);
  return folder;
}

Status start_run_folder(const fs::path& folder, const model::Program& program,
                        const datasets::Descriptor& descriptor, const RunRecord& record,
                        const SettingTable& settings) try {
  GRAPHRUN_TRY(core::make_folders((folder / "checkpoints").string()));
  model::Model model = program.model();
  model.class_names.clear();
  model.palette.clear();
  for (const datasets::ClassInfo& info : descriptor.classes) {
    model.class_names.push_back(info.name);
    model.palette.insert(model.palette.end(), {info.color.r, info.color.g, info.color.b});
  }
  for (const SettingSpec& spec : setting_specs()) {
    const bool chosen = settings.is_explicit(spec.name) && settings.has_value(spec.name);
    // A seed belongs to one run, not to what is made of its model.
    if (chosen && spec.name != "manual_seed")
      model.settings[std::string(spec.name)] = settings.json(spec.name);
  }
  model.protocol = protocol_of(settings, model.protocol);
  GRAPHRUN_TRY(model::write_model(model, (folder / "model.fb").string()));
  GRAPHRUN_TRY(core::write_file(folder / "config.json", settings.to_json()));
  return core::write_file(folder / "run.json", record_json(record));
} catch (...) {
  return core::caught();
}

Status point_latest_at(const fs::path& folder) try {
  // A link appears by rename, so that exp/latest is at every moment a run.
  const fs::path temporary = kLatest.string() + "." + std::to_string(getpid());
  std::error_code error;
  fs::create_directories(kLatest.parent_path(), error);
  const fs::path target = fs::relative(folder, kLatest.parent_path(), error);
  if (!error) fs::remove(temporary, error);  // of an earlier process with this number
  if (!error) fs::create_directory_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, kLatest, error);
  if (error) return {ErrorCode::io, kLatest.string() + ": " + error.message()};
  return {};
} catch (...) {
  return core::caught();
}

Result<fs::path> latest_run_folder() try {
  std::error_code error;
  const fs::path folder = fs::canonical(kLatest, error);
  if (error)
    return {ErrorCode::not_found,
            "there is no " + kLatest.string() + " here; train first, or give MODEL.fb and --weights"};
  return folder;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
