# cmake -DSOURCE=DIR -DHEADERS=a;b -DCOMPILER=text -DOUTPUT=FILE -P BuildStamp.cmake
# Writes the function of runtime/core/build_stamp.h.
set(text "${COMPILER}")
foreach(header ${HEADERS})
  file(SHA256 ${SOURCE}/${header} hash)
  string(APPEND text "\n${header} ${hash}")
endforeach()
string(SHA256 stamp "${text}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#include "runtime/core/build_stamp.h"

namespace graphrun::core {

std::string_view build_stamp() { return "@stamp@"; }

}  // namespace graphrun::core
]] @ONLY)
