#include "runtime/model/eight_bits.h"

#include <string>

namespace graphrun::model {

std::string_view precision_name(DType type) { return type == DType::s8 ? "int8" : to_string(type); }

std::optional<DType> precision_of(std::string_view name) {
  for (const DType type : {DType::f32, DType::bf16, DType::s8}) {
    if (name == precision_name(type)) return type;
  }
  return std::nullopt;
}

Status check_precision(const Backend& backend, DType type) {
  if (type != DType::s8) return backend.check_precision(type);
  if (service_of<EightBits>(backend) != nullptr) return {};
  return {ErrorCode::unsupported, std::string(backend.device()) +
                                      " does not compute in int8: CPUs with AVX-512 VNNI or AMX do; compute "
                                      "in f32 or bf16, which quantised weights serve, too"};
}

}  // namespace graphrun::model
