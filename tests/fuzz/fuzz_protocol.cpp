#include "runtime/labelling/protocol_json.h"
#include "tests/fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const auto protocol = labelling::parse_protocol(fuzz::text_of(data, size));
  if (protocol.ok()) fuzz::require(labelling::parse_protocol(labelling::protocol_json(*protocol)).ok());
  return 0;
}
