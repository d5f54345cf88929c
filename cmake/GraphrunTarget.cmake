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
  # dlopen is the sanitizer's function, for which a program's RUNPATH does not count.
  add_link_options(-fsanitize=${GRAPHRUN_SANITIZE} LINKER:--disable-new-dtags)
endif()

if(GRAPHRUN_FUZZ)
  # Another compiler's warnings are not what this build is for. Floats may be divided by zero. Lines are counted for
  # tools/fuzz.sh --coverage.
  target_compile_options(graphrun_options INTERFACE -w -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(graphrun_options INTERFACE -fprofile-instr-generate)
  # The address sanitizer sees what null pointers lead to.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=float-divide-by-zero,null,vptr
    -fno-sanitize-recover=all -fno-omit-frame-pointer -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/tests/fuzz/ignored.txt)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

# What ends a program that a mistake of ours has led astray: checks of buffers, of the stack, of indices into containers,
# and tables of functions that cannot be written to. Kernels go without: their loops are not made slower.
if(GRAPHRUN_HARDENED AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT GRAPHRUN_SANITIZE)
  set(graphrun_hardening -fstack-protector-strong -fstack-clash-protection
    $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection> -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack)
endif()

# Of functions that are compiled for several instruction sets, those for AVX-512 use its whole vectors.
set(GRAPHRUN_WIDE_VECTORS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(GRAPHRUN_WIDE_VECTORS -mprefer-vector-width=512)
endif()

# graphrun_library(NAME [SMALL] [KERNELS] SOURCES ... PUBLIC ... PRIVATE ...): a static library with the project's options.
# SMALL: its code runs once for a model or a session, so it is compiled for size; made for speed it would be twice as large.
# KERNELS: its loops run over tensors, and are not hardened.
function(graphrun_library name)
  cmake_parse_arguments(ARG "SMALL;KERNELS" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  if(NOT ARG_KERNELS)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${graphrun_hardening}>)
  endif()
  if(ARG_SMALL)
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-Os>)
  endif()
  target_link_libraries(${name} PUBLIC graphrun_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# Tests run side by side: threads that wait leave their processor to others.
set(GRAPHRUN_TEST_ENVIRONMENT OMP_WAIT_POLICY=passive)

# Registers a Boost.Test program (tests/skip.h) with CTest: as NAME what runs everywhere, and as NAME_GROUP the
# cases of each of GROUPS, labels of cases that may be skipped, so that it is seen. Cases with a label of LEAVE_OUT
# are not run. A program that exits with 77 is reported as skipped; it says why on its standard output.
function(graphrun_add_cases name program)
  cmake_parse_arguments(ARG "" "TIMEOUT;RESOURCE" "GROUPS;LEAVE_OUT;ENVIRONMENT" ${ARGN})
  list(TRANSFORM ARG_LEAVE_OUT PREPEND "--run_test=!@" OUTPUT_VARIABLE left_out)
  list(TRANSFORM ARG_GROUPS PREPEND "--run_test=!@" OUTPUT_VARIABLE others)
  add_test(NAME ${name} COMMAND ${program} ${left_out} ${others})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${GRAPHRUN_TEST_ENVIRONMENT};GRAPHRUN_TEST_SKIPS=none;${ARG_ENVIRONMENT}")
  set(tests ${name})
  if(GRAPHRUN_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  foreach(group ${ARG_GROUPS})
    add_test(NAME ${name}_${group} COMMAND ${program} --run_test=@${group} ${left_out})
    set_tests_properties(${name}_${group} PROPERTIES ENVIRONMENT "${GRAPHRUN_TEST_ENVIRONMENT};${ARG_ENVIRONMENT}")
    list(APPEND tests ${name}_${group})
  endforeach()
  set_tests_properties(${tests} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${ARG_TIMEOUT} RESOURCE_LOCK "${ARG_RESOURCE}")
endfunction()

# graphrun_test(NAME SOURCES ... LIBS ... [GROUPS ...] [TIMEOUT ...]): such a program on the CPU.
function(graphrun_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;GROUPS;LEAVE_OUT" ${ARGN})
  # The framework is compiled once, not with every test.
  if(NOT TARGET graphrun_test_main)
    add_library(graphrun_test_main OBJECT ${CMAKE_SOURCE_DIR}/tests/main.cpp)
    target_link_libraries(graphrun_test_main PRIVATE graphrun_options)
  endif()
  add_executable(${name} ${ARG_SOURCES} $<TARGET_OBJECTS:graphrun_test_main>)
  target_link_libraries(${name} PRIVATE graphrun_options ${ARG_LIBS})
  # Half the time to compile; the harness and what is tested are libraries.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(${name} PRIVATE GRAPHRUN_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GRAPHRUN_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  graphrun_add_cases(${name} ${name} TIMEOUT ${ARG_TIMEOUT} GROUPS ${ARG_GROUPS} LEAVE_OUT ${ARG_LEAVE_OUT})
endfunction()

# graphrun_gpu_test(NAME [GROUPS ...]): the test NAME once more, on a GPU (tests/ops/test_backend.h).
function(graphrun_gpu_test name)
  cmake_parse_arguments(ARG "" "" "GROUPS;LEAVE_OUT" ${ARGN})
  graphrun_add_cases(${name}_cuda ${name} TIMEOUT 300 RESOURCE gpu GROUPS ${ARG_GROUPS} LEAVE_OUT ${ARG_LEAVE_OUT}
    ENVIRONMENT GRAPHRUN_TEST_DEVICE=cuda)
endfunction()
