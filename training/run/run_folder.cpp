#include "training/run/run_folder.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>

#include "runtime/core/atomic_file.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/core/json_reader.h"
#include "runtime/labelling/any_size.h"
#include "runtime/model/model_file.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

const fs::path kLatest = "exp/latest";

Status folder_error(const fs::path& path, const std::string& reason) {
  return {ErrorCode::io,
          path.string() + ": the run's folder cannot be made or written (" + reason + "); -o gives another"};
}

Status latest_error(const std::string& reason, const fs::path& run) {
  return {ErrorCode::io, kLatest.string() + " cannot be pointed at this run (" + reason +
                             "): grun eval and --resume auto do not find it by themselves; give them " +
                             run.string()};
}

Status make_folder(const fs::path& path) {
  const Status made = core::make_folders(path.string());
  return made.ok() ? made : folder_error(path, made.message());
}

bool is_path(const std::string& dataset) {
  return dataset.find('/') != std::string::npos || dataset.ends_with(".json");
}

// `path` as seen from the folder; empty where that cannot be said.
std::string seen_from(const fs::path& folder, const fs::path& path) {
  std::error_code error;
  const fs::path relative = fs::relative(path, folder, error);
  return error ? std::string() : relative.string();
}

std::string record_json(const RunRecord& record, const fs::path& folder) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  const auto write_text = [&writer](const char* key, const std::string& text) {
    writer.Key(key);
    writer.String(text.c_str());
  };
  writer.SetIndent(' ', 2);
  writer.StartObject();
  write_text("dataset", record.dataset);
  if (record.data_root) {
    write_text("data_root", record.data_root->string());
  } else {
    writer.Key("data_root");
    writer.Null();
  }
  write_text("precision", record.precision);
  writer.Key("from_here");
  writer.StartObject();
  if (is_path(record.dataset)) write_text("dataset", seen_from(folder, record.dataset));
  if (record.data_root) write_text("data_root", seen_from(folder, *record.data_root));
  writer.EndObject();
  writer.Key("origin");
  rapidjson::Document::AllocatorType allocator;
  to_json(record.origin, allocator).Accept(writer);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

// Where a recorded path is now: as it was, else as the folder sees it.
std::string path_now(const std::string& recorded, const rapidjson::Document& document, const char* key,
                     const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(recorded, ignored)) return recorded;
  const auto from_here = document.FindMember("from_here");
  if (from_here == document.MemberEnd() || !from_here->value.IsObject()) return recorded;
  const auto relative = from_here->value.FindMember(key);
  if (relative == from_here->value.MemberEnd() || !relative->value.IsString()) return recorded;
  const fs::path path = fs::weakly_canonical(folder / relative->value.GetString(), ignored);
  return fs::exists(path, ignored) ? path.string() : recorded;
}

// How the run's network is to label images: the model's own protocol with the run's sizes.
model::LabellingProtocol protocol_of(const model::Program& program, const SettingTable& settings) {
  const std::optional<model::LabellingProtocol>& own = program.model().protocol;
  model::LabellingProtocol protocol = own.value_or(model::LabellingProtocol{});
  if (!own && settings.has_value("train_h") && settings.has_value("train_w") &&
      labelling::takes_any_size(program, std::max(settings.integer("train_h"), settings.integer("train_w"))))
    protocol.name = model::kWholeProtocol;
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
  RunRecord record;
  record.dataset = dataset;
  std::error_code ignored;
  if (is_path(dataset)) record.dataset = fs::absolute(dataset, ignored).lexically_normal().string();
  if (!data_root.empty()) record.data_root = fs::absolute(data_root, ignored).lexically_normal();
  return record;
}

Result<RunRecord> read_run_record(const fs::path& folder) try {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  const fs::path path = folder / "run.json";
  GRAPHRUN_ASSIGN(const std::string json, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  const Status wrong(
      ErrorCode::invalid_file,
      path.string() + ": expected {\"dataset\": text, \"data_root\": text or null, \"precision\": text}");
  if (core::read_json(json, document).IsError() || !document.IsObject()) return wrong;
  const auto dataset = document.FindMember("dataset");
  if (dataset == document.MemberEnd() || !dataset->value.IsString()) return wrong;
  RunRecord record;
  record.dataset = dataset->value.GetString();
  if (const auto origin = document.FindMember("origin"); origin != document.MemberEnd())
    record.origin = read_origin(origin->value);
  if (is_path(record.dataset)) record.dataset = path_now(record.dataset, document, "dataset", folder);
  if (const auto precision = document.FindMember("precision"); precision != document.MemberEnd()) {
    if (!precision->value.IsString()) return wrong;
    record.precision = precision->value.GetString();
  }
  const auto data_root = document.FindMember("data_root");
  if (data_root == document.MemberEnd() || data_root->value.IsNull()) return record;
  if (!data_root->value.IsString()) return wrong;
  record.data_root = path_now(data_root->value.GetString(), document, "data_root", folder);
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

Result<fs::path> make_run_folder(const fs::path& folder, bool drawn) try {
  if (!drawn) {
    GRAPHRUN_TRY(make_folder(folder));
    return folder;
  }
  GRAPHRUN_TRY(make_folder(folder.parent_path()));
  fs::path name = folder;
  for (int i = 2;; ++i) {
    const Result<bool> made = core::make_new_folder(name.string());
    if (!made.ok()) return folder_error(name, made.status().message());
    if (*made) return name;
    name = folder.string() + "-" + std::to_string(i);
  }
} catch (...) {
  return core::caught();
}

Status check_run_folder(const fs::path& folder) try {
  std::error_code error;
  fs::path there = fs::absolute(folder, error).lexically_normal();
  if (error) return folder_error(folder, error.message());
  while (!fs::exists(fs::symlink_status(there, error)) && there.has_relative_path())
    there = there.parent_path();
  if (!fs::is_directory(there, error)) return folder_error(folder, there.string() + " is no folder");
  if (access(there.c_str(), W_OK | X_OK) == 0) return {};
  return folder_error(folder, std::generic_category().message(errno));
} catch (...) {
  return core::caught();
}

Status start_run_folder(const fs::path& folder, const model::Program& program,
                        const datasets::Descriptor& descriptor, const RunRecord& record,
                        const SettingTable& settings) try {
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
  model.protocol = protocol_of(program, settings);
  GRAPHRUN_TRY(model::write_model(model, (folder / "model.fb").string()));
  GRAPHRUN_TRY(core::write_file(folder / "config.json", settings.to_json()));
  return core::write_file(folder / "run.json", record_json(record, folder));
} catch (...) {
  return core::caught();
}

Status point_latest_at(const fs::path& folder) try {
  // A link appears by rename, so that exp/latest is at every moment a run.
  const fs::path temporary = kLatest.string() + "." + std::to_string(getpid());
  std::error_code error;
  std::error_code ignored;
  const Status made = core::make_folders(kLatest.parent_path().string());
  if (!made.ok()) return latest_error(made.message(), folder);
  const bool is_link = fs::is_symlink(kLatest, ignored) || !fs::exists(kLatest, ignored);
  if (!is_link) return latest_error("it is there and no link", folder);
  const fs::path target = fs::relative(folder, kLatest.parent_path(), error);
  if (!error) fs::remove(temporary, error);  // of an earlier process with this number
  if (!error) fs::create_directory_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, kLatest, error);
  if (!error) return {};
  fs::remove(temporary, ignored);
  return latest_error(error.message(), folder);
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
