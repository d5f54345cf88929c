# The OpenMP runtime, as the target graphrun_openmp.
#
# Loops that g++ compiles, oneDNN's among them, ask for GNU's entry points. LLVM's libomp has them too, and the runtime
# that the loader meets first serves the whole process. libomp is put first: its threads give their processor away while
# they wait, so that two processes on one machine cost each other a share and do not collapse (doc/benchmarks.md,
# "In company"). A program that links libgomp itself keeps libgomp, for its loops and ours alike.
#
# Symbols are bound to GNU's versions, which both have; bound to libomp's own they would stay with libomp beside a
# program's libgomp, and the process would have two pools. So the linker sees a library that has libomp's name and
# nothing in it, before libgomp.
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(GRAPHRUN_OPENMP llvm CACHE STRING "OpenMP runtime that is loaded first: llvm (libomp, where it is installed) or gnu")
find_library(GRAPHRUN_LIBOMP NAMES libomp.so.5)
mark_as_advanced(GRAPHRUN_LIBOMP)

set(GRAPHRUN_OPENMP_FIRST "")
set(GRAPHRUN_OPENMP_OPTION "")
if(GRAPHRUN_OPENMP STREQUAL llvm AND GRAPHRUN_LIBOMP AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(GRAPHRUN_OPENMP_FIRST ${CMAKE_BINARY_DIR}/openmp/libomp_first.so)
  set(GRAPHRUN_OPENMP_OPTION LINKER:--push-state,--no-as-needed,${GRAPHRUN_OPENMP_FIRST},--pop-state)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/openmp)
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} -shared -nostdlib -s -Wl,-soname,libomp.so.5 -x c++ /dev/null -o ${GRAPHRUN_OPENMP_FIRST}
    COMMAND_ERROR_IS_FATAL ANY)
endif()

add_library(graphrun_openmp INTERFACE)
target_link_libraries(graphrun_openmp INTERFACE OpenMP::OpenMP_CXX)
target_link_options(graphrun_openmp INTERFACE ${GRAPHRUN_OPENMP_OPTION})
