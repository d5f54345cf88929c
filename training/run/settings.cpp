#include "training/run/settings.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <set>

#include "graphrun/kernel/attributes.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/core/json_mistake.h"
#include "runtime/core/json_reader.h"
#include "runtime/core/text_place.h"

namespace graphrun::training {
namespace {

constexpr double kMany = 1e9;
constexpr double kMaxDecay = 1 - 1e-9;
constexpr std::size_t kMaxShown = 80;  // characters of a value in a message
constexpr const char* kDefaultSource = "default";
constexpr std::string_view kSuggested = "suggested";
using enum SettingKind;

constexpr std::array kSpecs{
    SettingSpec{"train_h", integer, "null", 1, 1e5, "height of the training crop, pixels"},
    SettingSpec{"train_w", integer, "null", 1, 1e5, "width of the training crop, pixels"},
    SettingSpec{"scale_min", real, "0.5", 1e-3, 100, "smallest random scale"},
    SettingSpec{"scale_max", real, "2.0", 1e-3, 100, "largest random scale"},
    SettingSpec{"aspect_min", real, "1.0", 1e-2, 64,
                "smallest random ratio of the width's scale to the height's"},
    SettingSpec{"aspect_max", real, "1.0", 1e-2, 64,
                "largest random ratio of the width's scale to the height's"},
    SettingSpec{"rotate_min", real, "-10", -180, 180, "smallest random rotation, degrees"},
    SettingSpec{"rotate_max", real, "10", -180, 180, "largest random rotation, degrees"},
    SettingSpec{"blur", boolean, "true", 0, 1, "half of the images are blurred a little"},
    SettingSpec{"brightness", real, "0", 0, 255, "largest random change of brightness, of 255"},
    SettingSpec{"contrast", real, "0", 0, 1, "largest random change of contrast, a part of it"},
    SettingSpec{"saturation", real, "0", 0, 1, "largest random change of saturation, a part of it"},
    SettingSpec{"hue", real, "0", 0, 180, "largest random change of hue, degrees"},
    SettingSpec{
        "cat_max_ratio", real, "1", 1e-3, 1,
        "largest part of a crop's labelled pixels that one class may have; else another crop is drawn, "
        "10 times at most"},
    SettingSpec{"zoom_factor", integer, "8", 1, 8, "scale of the logits in training, 1, 2, 4 or 8"},
    SettingSpec{"mask_h", integer, "null", 1, 1e5,
                "rows of PSANet's masks; from the training crop if not given"},
    SettingSpec{"mask_w", integer, "null", 1, 1e5,
                "columns of PSANet's masks; from the training crop if not given"},
    SettingSpec{"ignore_label", integer, "255", 0, 65535, "class id of pixels that count nowhere"},
    SettingSpec{"aux_weight", real, "0.4", 0, kMany, "weight of the auxiliary loss"},
    SettingSpec{"class_weights", weights, "null", 0, 1e6,
                "of the losses, one a class; \"suggested\": what grun data check suggests"},
    SettingSpec{"batch_size", integer, "16", 1, 1e6, "images in a step, over all ranks"},
    SettingSpec{"accumulate", integer, "1", 1, 1e6,
                "parts in which a rank computes its images of a step, one after the other"},
    SettingSpec{"batch_size_val", integer, "8", 1, 1e6, "images in a step of validation"},
    SettingSpec{"base_lr", real, "0.01", 0, kMany, "learning rate of the first step"},
    SettingSpec{"epochs", integer, "100", 1, 1e6, "passes over the training split; fixes the schedule"},
    SettingSpec{"power", real, "0.9", 0, 100,
                "of the poly schedule: base_lr * (1 - iter / max_iter) ^ power"},
    SettingSpec{"schedule", word, "\"poly\"", 0, 0, "how the learning rate falls after the warm-up",
                "poly, cosine, step, constant"},
    SettingSpec{"min_lr", real, "0", 0, kMany,
                "learning rate at the end of poly and cosine, the least of step"},
    SettingSpec{"step_epochs", reals, "null", 0, 1e6,
                "of the step schedule: epochs after which the rate falls; two thirds and eight ninths of all "
                "if not given"},
    SettingSpec{"step_factor", real, "0.1", 0, 1, "of the step schedule: what the rate is multiplied by"},
    SettingSpec{"warmup_iters", integer, "0", 0, kMany,
                "first iterations, in which the learning rate rises linearly to base_lr"},
    SettingSpec{"warmup_factor", real, "0.001", 0, 1, "part of base_lr that the warm-up begins with"},
    SettingSpec{"clip_norm", real, "0", 0, kMany,
                "largest norm of all gradients together, which are scaled down to it; 0: any"},
    SettingSpec{
        "ema", real, "0", 0, kMaxDecay,
        "decay of moving averages of the parameters, which validation and checkpoints then use; 0: none"},
    SettingSpec{"momentum", real, "0.9", 0, 1, "of the optimizer"},
    SettingSpec{"weight_decay", real, "0.0001", 0, kMany,
                "of the optimizer: sgd's is an L2 penalty on all parameters"},
    SettingSpec{"sync_bn", boolean, "true", 0, 1,
                "batch statistics over all ranks; the same as false on one rank"},
    SettingSpec{"rank_timeout", real, "45", 0.1, 1e6,
                "seconds after which a rank that the others wait for counts as hung"},
    SettingSpec{"sync_bn_group", integer, "0", 0, 1e6,
                "ranks that share batch statistics, neighbours in their order; 0: all"},
    SettingSpec{"loss_average", word, "\"all\"", 0, 0,
                "all: over the labelled pixels of all ranks; rank: over each rank's, then over the ranks",
                "all, rank"},
    SettingSpec{"shard_optimizer", boolean, "false", 0, 1,
                "each rank updates a part of the parameters, and holds their optimizer's state alone"},
    SettingSpec{"gradient_exchange", word, "\"f32\"", 0, 0, "type in which gradients travel between ranks",
                "f32, bf16"},
    SettingSpec{"bucket_mb", real, "4", 1e-3, 1e3, "MiB of gradients that ranks exchange at once"},
    SettingSpec{"workers", integer, "2", 1, 1024, "loader threads"},
    SettingSpec{"manual_seed", integer, "null", 0, 9007199254740991.0,
                "seed of weights, shuffle, transforms and dropout"},
    SettingSpec{"print_freq", integer, "10", 1, kMany, "iterations from one line of progress to the next"},
    SettingSpec{"save_freq", integer, "1", 1, kMany, "epochs from one checkpoint to the next"},
    SettingSpec{"evaluate", boolean, "false", 0, 1,
                "validate on centre crops of the val split after each epoch"},
    SettingSpec{"evaluate_freq", integer, "1", 1, kMany, "epochs from one validation to the next"},
    SettingSpec{"best_metric", free_text, "\"mIoU\"", 0, 0,
                "of a validation, what the best epoch is best in: loss, mIoU, mAcc, aAcc, iou:CLASS or "
                "acc:CLASS"},
    SettingSpec{"early_stop", integer, "0", 0, kMany,
                "validations without a better best_metric after which the run ends; 0: never"},
    SettingSpec{"base_size", integer, "512", 0, 1e5,
                "longer side that scale 1.0 of an evaluation gives an image; 0: its own"},
    SettingSpec{"test_h", integer, "null", 1, 1e5,
                "height of the evaluation crop, pixels; train_h if not given"},
    SettingSpec{"test_w", integer, "null", 1, 1e5,
                "width of the evaluation crop, pixels; train_w if not given"},
    SettingSpec{"scales", reals, "[1.0]", 1e-3, 100, "evaluation scales; --ms gives 0.5, 0.75, ... 1.75"},
    SettingSpec{"index_start", integer, "0", 0, kMany, "first image of an evaluation, from 0"},
    SettingSpec{"index_step", integer, "0", 0, kMany, "how many images from there on; 0: all"},
    SettingSpec{"augment", boolean, "true", 0, 1, "false: no random transform, centre crop"},
    SettingSpec{"shuffle", boolean, "true", 0, 1, "false: list order"},
    SettingSpec{"keep", integer, "3", 1, kMany, "epoch checkpoints kept; older ones are removed"},
};

Status error(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }
Status wrong(const std::string& where, const std::string& name, std::string_view what) {
  return error(where + ": setting \"" + name + "\" " + std::string(what));
}

std::string text_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

// Nothing where it is not JSON.
std::optional<rapidjson::Document> parse(std::string_view json) {
  rapidjson::Document document;
  if (core::read_json(json, document).IsError()) return std::nullopt;
  return document;
}

// No list is in another: writing a value calls itself for each depth, which the file could choose.
bool is_flat(const rapidjson::Value& value) {
  const auto is_scalar = [](const rapidjson::Value& item) { return !item.IsArray() && !item.IsObject(); };
  if (!value.IsArray()) return is_scalar(value);
  return std::all_of(value.Begin(), value.End(), is_scalar);
}

std::string_view kind_name(SettingKind kind) {
  switch (kind) {
    case integer:
      return "an integer";
    case real:
      return "a number";
    case boolean:
      return "true or false";
    case reals:
      return "a list of numbers";
    case weights:
      return "a list of numbers, or \"suggested\"";
    case word:
      return "one of: ";
    case free_text:
      return "a text";
  }
  return "?";
}

Status check_number(const SettingSpec& spec, double value) {
  if (value >= spec.min && value <= spec.max) return {};
  return error("must be in " + number_text(spec.min) + " to " + number_text(spec.max) + ", got " +
               number_text(value));
}

// Lists are accepted as "0.5,1.0" as well, which is what one types after --set.
std::optional<rapidjson::Document> normalised(const SettingSpec& spec, std::string_view json) {
  std::optional<rapidjson::Document> document = parse(json);
  const bool list = spec.kind == reals || (spec.kind == weights && json != kSuggested);
  if (list && (!document || document->IsNumber())) document = parse("[" + std::string(json) + "]");
  if (document && spec.kind == boolean && document->IsInt() &&
      (document->GetInt() == 0 || document->GetInt() == 1)) {
    const bool flag = document->GetInt() == 1;
    document->SetBool(flag);
  }
  const bool takes_text = spec.kind == weights || spec.kind == word || spec.kind == free_text;
  if (takes_text && !document) {
    rapidjson::Document bare;
    bare.SetString(json.data(), static_cast<rapidjson::SizeType>(json.size()), bare.GetAllocator());
    return bare;
  }
  return document;
}

// `choices` is "one, other".
bool is_choice(std::string_view choices, std::string_view word_given) {
  while (!choices.empty()) {
    const std::size_t end = std::min(choices.find(", "), choices.size());
    if (choices.substr(0, end) == word_given) return true;
    choices.remove_prefix(std::min(end + 2, choices.size()));
  }
  return false;
}

// What somebody may have meant who wrote a number or a flag as JSON does not have it.
std::string hint_for(const SettingSpec& spec, std::string_view given) {
  const bool number = spec.kind == integer || spec.kind == real;
  if (number && given.find(',') != std::string_view::npos) return " (a decimal point is a point)";
  if (number && given.starts_with(".")) return " (write 0" + std::string(given.substr(0, kMaxShown)) + ")";
  const bool is_word = given == "True" || given == "False" || given == "TRUE" || given == "FALSE";
  return spec.kind == boolean && is_word ? " (in small letters)" : "";
}

Status check(const SettingSpec& spec, const std::optional<rapidjson::Document>& given_json,
             std::string_view given) {
  Status wrong_kind = error("must be " + std::string(kind_name(spec.kind)) + std::string(spec.choices) +
                            ", got " + std::string(given.substr(0, kMaxShown)) + hint_for(spec, given));
  if (!given_json) return wrong_kind;
  const rapidjson::Document& document = *given_json;
  if (document.IsNull() && spec.fallback == "null") return {};
  switch (spec.kind) {
    case integer:
      return document.IsInt64() ? check_number(spec, static_cast<double>(document.GetInt64())) : wrong_kind;
    case real:
      return document.IsNumber() ? check_number(spec, document.GetDouble()) : wrong_kind;
    case boolean:
      return document.IsBool() ? Status() : wrong_kind;
    case word:
      return document.IsString() && is_choice(spec.choices, document.GetString()) ? Status() : wrong_kind;
    case free_text:
      return document.IsString() && document.GetStringLength() > 0 ? Status() : wrong_kind;
    case weights:
      if (document.IsString() && document.GetString() == kSuggested) return {};
      [[fallthrough]];
    case reals: {
      if (!document.IsArray() || document.Empty() || document.Size() > 1000) return wrong_kind;
      for (const auto& item : document.GetArray()) {
        if (!item.IsNumber()) return wrong_kind;
        GRAPHRUN_TRY(check_number(spec, item.GetDouble()));
      }
      return {};
    }
  }
  return wrong_kind;
}

}  // namespace

std::span<const SettingSpec> setting_specs() { return kSpecs; }

SettingTable::SettingTable() {
  for (const SettingSpec& spec : kSpecs) {
    entries_[std::string(spec.name)] = {&spec, std::string(spec.fallback), kDefaultSource};
  }
}

Status SettingTable::set(std::string_view name, std::string_view json, std::string_view source) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    std::vector<std::string_view> names;
    names.reserve(std::size(kSpecs));
    for (const SettingSpec& spec : kSpecs) names.push_back(spec.name);
    const std::string near = nearest_name(name, names);
    return error(std::string(source) + ": unknown setting \"" + std::string(name) + "\"" +
                 (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  Entry& entry = found->second;
  const std::optional<rapidjson::Document> document = normalised(*entry.spec, json);
  const std::string where = std::string(source) + ": setting \"" + std::string(name) + "\"";
  GRAPHRUN_TRY(check(*entry.spec, document, json).with_context(where));
  entry.json = text_of(*document);
  entry.source = source;
  return {};
}

Status SettingTable::set_all(const std::map<std::string, std::string>& values, std::string_view source) {
  for (const auto& [name, json] : values) GRAPHRUN_TRY(set(name, json, source));
  return {};
}

// "line:column" of a member's name in the text of a file.
std::string place_of(std::string_view json, const std::string& name, bool again) {
  const std::string quoted = "\"" + name + "\"";
  std::size_t at = json.find(quoted);
  if (again && at != std::string_view::npos) at = json.find(quoted, at + 1);
  return core::place_in(json, at == std::string_view::npos ? 0 : at);
}

Status SettingTable::set_from_file(const std::string& path) try {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 20;
  GRAPHRUN_ASSIGN(const std::string json, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  if (const rapidjson::ParseResult result = core::read_json(json, document); result.IsError()) {
    return error(path + ":" + core::place_in(json, result.Offset()) + ": not JSON: " +
                 core::json_mistake(json, result.Offset(), rapidjson::GetParseError_En(result.Code())) +
                 "; settings are {\"name\": value, ...}");
  }
  if (!document.IsObject()) return error(path + ": expected an object of settings, {\"name\": value, ...}");
  std::set<std::string> seen;
  for (const auto& member : document.GetObject()) {
    const std::string name(member.name.GetString(), member.name.GetStringLength());
    const std::string where = path + ":" + place_of(json, name, seen.contains(name));
    if (!seen.insert(name).second) return wrong(where, name, "stands there twice");
    // config.json of an experiment has {"value": ..., "from": ...} for each: it can be given back. What was
    // nobody's choice there is none here.
    const bool recorded = member.value.IsObject() && member.value.HasMember("value");
    const bool chosen = !recorded || !member.value.HasMember("from") ||
                        (member.value["from"] != kDefaultSource && member.value["from"] != kDrawnSource);
    if (!chosen) continue;
    const rapidjson::Value& value = recorded ? member.value["value"] : member.value;
    if (!is_flat(value)) return wrong(where, name, "must be a value or a list of values");
    GRAPHRUN_TRY(set(name, text_of(value), where));
    entries_.find(name)->second.source = path;
  }
  return {};
} catch (...) {
  return core::caught();
}

Status SettingTable::set_assignment(std::string_view assignment, std::string_view source) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    return error(std::string(source) + " " + std::string(assignment) + ": expected name=value");
  return set(assignment.substr(0, equals), assignment.substr(equals + 1), source);
}

const SettingTable::Entry& SettingTable::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) std::abort();
  return found->second;
}

std::int64_t SettingTable::integer(std::string_view name) const {
  return parse(entry(name).json)->GetInt64();
}
double SettingTable::real(std::string_view name) const { return parse(entry(name).json)->GetDouble(); }
bool SettingTable::flag(std::string_view name) const { return parse(entry(name).json)->GetBool(); }
std::string SettingTable::word(std::string_view name) const { return parse(entry(name).json)->GetString(); }
std::vector<double> SettingTable::reals(std::string_view name) const {
  std::vector<double> list;
  const std::optional<rapidjson::Document> document = parse(entry(name).json);
  for (const auto& item : document->GetArray()) list.push_back(item.GetDouble());
  return list;
}
bool SettingTable::has_value(std::string_view name) const { return entry(name).json != "null"; }
bool SettingTable::is_explicit(std::string_view name) const { return entry(name).source != kDefaultSource; }
std::string SettingTable::source(std::string_view name) const { return entry(name).source; }
std::string SettingTable::json(std::string_view name) const { return entry(name).json; }

std::string SettingTable::values() const {
  std::string text;
  for (const auto& [name, entry] : entries_) text += name + "=" + entry.json + "\n";
  return text;
}

std::string SettingTable::to_json() const {
  std::string json = "{\n";
  for (const auto& [name, entry] : entries_) {
    rapidjson::Document source;
    source.SetString(entry.source.data(), static_cast<rapidjson::SizeType>(entry.source.size()),
                     source.GetAllocator());
    if (json.size() > 2) json += ",\n";
    json += "  \"" + name + "\": {\"value\": " + entry.json + ", \"from\": " + text_of(source) + "}";
  }
  return json + "\n}\n";
}

}  // namespace graphrun::training
