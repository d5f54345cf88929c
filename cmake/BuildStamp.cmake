# cmake -DSOURCE=DIR -DHEADERS=a;b -DCOMPILER=text -DTYPE=Release -DOUTPUT=FILE -P BuildStamp.cmake
# Writes the functions of runtime/core/build_stamp.h, and the stamp alone beside them as FILE.txt.
set(text "${COMPILER}")
foreach(header ${HEADERS})
  file(SHA256 ${SOURCE}/${header} hash)
  string(APPEND text "\n${header} ${hash}")
endforeach()
string(SHA256 stamp "${text}")
string(SUBSTRING ${stamp} 0 12 name)
file(WRITE ${OUTPUT}.txt ${stamp})
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#include "runtime/core/build_stamp.h"

namespace graphrun::core {

std::string_view build_stamp() noexcept { return "@stamp@"; }
std::string_view build_name() noexcept { return "@name@ @TYPE@"; }

}  // namespace graphrun::core
]] @ONLY)
