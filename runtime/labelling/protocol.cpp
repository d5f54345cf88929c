#include "runtime/labelling/protocol.h"

#include "runtime/labelling/slide.h"
#include "runtime/labelling/whole.h"

namespace graphrun::labelling {

Result<std::unique_ptr<Protocol>> make_protocol(const ProtocolSettings& settings,
                                                std::shared_ptr<const model::Program> program,
                                                std::shared_ptr<weights::Weights> weights) {
  if (settings.name == "slide") return make_slide(settings, std::move(program), std::move(weights));
  if (settings.name == "whole") return make_whole(settings, std::move(program), std::move(weights));
  return {ErrorCode::invalid_argument,
          "there is no protocol \"" + settings.name + "\"; there are: slide, whole"};
}

}  // namespace graphrun::labelling
