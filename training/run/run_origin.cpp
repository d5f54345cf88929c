#include "training/run/run_origin.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <fstream>
#include <utility>

#include "graphrun/version.h"

namespace graphrun::training {
namespace {

using Text = std::pair<const char*, std::string RunOrigin::*>;
constexpr std::array<Text, 5> kTexts{{{"network", &RunOrigin::network},
                                      {"program", &RunOrigin::program},
                                      {"system", &RunOrigin::system},
                                      {"processor", &RunOrigin::processor},
                                      {"device", &RunOrigin::device}}};
using Number = std::pair<const char*, int RunOrigin::*>;
constexpr std::array<Number, 2> kNumbers{{{"threads", &RunOrigin::threads}, {"ranks", &RunOrigin::ranks}}};

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

RunOrigin origin_here() {
  RunOrigin origin;
  origin.program = fmt::format("graphrun {} ({})", version(), build());
  utsname system{};
  if (uname(&system) == 0)
    origin.system = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  origin.processor = processor_name();
  return origin;
}

rapidjson::Value to_json(const RunOrigin& origin, rapidjson::Document::AllocatorType& allocator) {
  rapidjson::Value json(rapidjson::kObjectType);
  const auto text = [&](const std::string& value) {
    return rapidjson::Value(value.data(), static_cast<rapidjson::SizeType>(value.size()), allocator);
  };
  for (const auto& [name, member] : kTexts)
    json.AddMember(rapidjson::StringRef(name), text(origin.*member), allocator);
  for (const auto& [name, member] : kNumbers)
    json.AddMember(rapidjson::StringRef(name), origin.*member, allocator);
  rapidjson::Value words(rapidjson::kArrayType);
  for (const std::string& word : origin.command) words.PushBack(text(word), allocator);
  json.AddMember("command", words, allocator);
  return json;
}

RunOrigin read_origin(const rapidjson::Value& json) {
  RunOrigin origin;
  if (!json.IsObject()) return origin;
  for (const auto& [name, member] : kTexts) {
    const auto found = json.FindMember(name);
    if (found != json.MemberEnd() && found->value.IsString())
      origin.*member = std::string(found->value.GetString(), found->value.GetStringLength());
  }
  for (const auto& [name, member] : kNumbers) {
    const auto found = json.FindMember(name);
    if (found != json.MemberEnd() && found->value.IsInt()) origin.*member = found->value.GetInt();
  }
  const auto words = json.FindMember("command");
  if (words == json.MemberEnd() || !words->value.IsArray()) return origin;
  for (const rapidjson::Value& word : words->value.GetArray()) {
    if (word.IsString()) origin.command.emplace_back(word.GetString(), word.GetStringLength());
  }
  return origin;
}

}  // namespace graphrun::training
