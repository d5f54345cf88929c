#pragma once

#include <dlfcn.h>

#include <string>

namespace graphrun::plugin {

// Why the last call of the dynamic loader failed.
inline std::string loader_error() {
  const char* const error = dlerror();
  return error == nullptr ? "no reason was given" : error;
}

}  // namespace graphrun::plugin
