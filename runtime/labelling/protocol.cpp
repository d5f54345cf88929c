#include "runtime/labelling/protocol.h"

#include "runtime/labelling/slide.h"
#include "runtime/labelling/whole.h"

namespace graphrun::labelling {
namespace {

Status wrong(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

Status unknown_name(const std::string& name) {
  return wrong("there is no protocol \"" + name + "\"; there are: slide, whole");
}

}  // namespace

Status check_protocol(const ProtocolSettings& settings) {
  constexpr std::int64_t kMaxSide = 100000, kMaxScales = 64, kMaxCount = 1024;
  constexpr double kMinScale = 1e-3, kMaxScale = 100;
  const bool slide = settings.name == "slide";
  if (!slide && settings.name != "whole") return unknown_name(settings.name);
  if (settings.scales.empty() || std::ssize(settings.scales) > kMaxScales)
    return wrong("scales: 1 to 64 are expected");
  for (const double scale : settings.scales) {
    if (!(scale >= kMinScale && scale <= kMaxScale)) return wrong("scales: 0.001 to 100 are expected");
  }
  if (settings.base_size < 0 || settings.base_size > kMaxSide)
    return wrong("base_size: 0 to 100000 are expected");
  for (const std::int64_t side : {settings.test_h, settings.test_w}) {
    if (slide && side == 0) return wrong("the protocol \"slide\" needs a crop, and the model has none");
    if (slide && (side < 1 || side > kMaxSide)) return wrong("crop: 1 to 100000 are expected");
  }
  if (settings.batch < 0 || settings.batch > kMaxCount) return wrong("batch: 0 to 1024 are expected");
  if (settings.sessions < 1 || settings.sessions > kMaxCount)
    return wrong("sessions: 1 to 1024 are expected");
  return {};
}

Result<std::unique_ptr<Protocol>> make_protocol(const ProtocolSettings& settings,
                                                std::shared_ptr<const model::Program> program,
                                                std::shared_ptr<weights::Weights> weights) {
  if (settings.name == "slide") return make_slide(settings, std::move(program), std::move(weights));
  if (settings.name == "whole") return make_whole(settings, std::move(program), std::move(weights));
  return unknown_name(settings.name);
}

}  // namespace graphrun::labelling
