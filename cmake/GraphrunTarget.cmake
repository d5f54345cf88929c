# One way to make a library and a test, so that every target has the same language level and warnings.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

# Where programs look for libraries that they open themselves: here, or as installed.
set(GRAPHRUN_MODULES ${CMAKE_BINARY_DIR}/lib/graphrun)
set(CMAKE_BUILD_RPATH ${GRAPHRUN_MODULES})
set(CMAKE_INSTALL_RPATH $ORIGIN/../${CMAKE_INSTALL_LIBDIR}/graphrun)

add_library(graphrun_options INTERFACE)
target_include_directories(graphrun_options INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>)
# Our functions cannot be replaced by another library's (api/version_script.sh), and each has a section of its own, so that
# the linker drops what nothing calls.
target_compile_options(graphrun_options INTERFACE
  $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion;-Werror;-fno-math-errno>>
  $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-fno-semantic-interposition;-fvisibility-inlines-hidden;-ffunction-sections;-fdata-sections>>)
# The version that headers and programs tell is the one above.
configure_file(${CMAKE_SOURCE_DIR}/include/graphrun/version.h.in ${CMAKE_BINARY_DIR}/include/graphrun/version.h @ONLY)
# By which kept files tell builds apart (runtime/core/build_id.h); some linkers write none unless asked.
add_link_options(LINKER:--build-id=sha1)
if(GRAPHRUN_SANITIZE)
  # g++ 12 takes the sanitizers' own branches for reads of uninitialised memory.
  add_compile_options(-fsanitize=${GRAPHRUN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=${GRAPHRUN_SANITIZE})
endif()

# graphrun_library(NAME SOURCES ... PUBLIC ... PRIVATE ...): a static library with the project's options.
function(graphrun_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC graphrun_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# graphrun_test(NAME SOURCES ... LIBS ...): a Boost.Test program that CTest runs. A program that exits with 77
# is reported as skipped; it says why on its standard output.
function(graphrun_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  # The framework is compiled once, not with every test.
  if(NOT TARGET graphrun_test_main)
    add_library(graphrun_test_main OBJECT ${CMAKE_SOURCE_DIR}/tests/main.cpp)
  endif()
  add_executable(${name} ${ARG_SOURCES} $<TARGET_OBJECTS:graphrun_test_main>)
  target_link_libraries(${name} PRIVATE graphrun_options ${ARG_LIBS})
  target_compile_definitions(${name} PRIVATE GRAPHRUN_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GRAPHRUN_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${ARG_TIMEOUT})
endfunction()

# graphrun_gpu_test(NAME): the test NAME once more, on a GPU (tests/ops/test_backend.h).
function(graphrun_gpu_test name)
  add_test(NAME ${name}_cuda COMMAND ${name})
  set_tests_properties(${name}_cuda PROPERTIES
    ENVIRONMENT GRAPHRUN_TEST_DEVICE=cuda SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
