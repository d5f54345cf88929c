#include "graphrun/status.h"

namespace graphrun {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid argument";
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::invalid_file:
      return "invalid file";
    case ErrorCode::not_found:
      return "not found";
    case ErrorCode::io:
      return "input/output";
    case ErrorCode::shape:
      return "shape";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::out_of_memory:
      return "out of memory";
    case ErrorCode::declined:
      return "declined";
    case ErrorCode::interrupted:
      return "interrupted";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace graphrun
