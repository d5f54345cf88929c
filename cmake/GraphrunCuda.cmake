# GRAPHRUN_CUDA becomes ON or OFF: the GPU backend is built where a CUDA compiler and cuDNN are found, unless it
# was told otherwise. Absent, other files take its place (no_cuda*.cpp).
set(GRAPHRUN_CUDA "AUTO" CACHE STRING "GPU backend: AUTO, ON (an error where CUDA or cuDNN is missing) or OFF")
set(wanted ${GRAPHRUN_CUDA})
set(GRAPHRUN_CUDA OFF)
if(wanted)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-virtual 90-real) # Hopper's own code; any GPU since Ampere compiles at start
  endif()
  find_package(CUDAToolkit 12.0 QUIET)
  find_path(GRAPHRUN_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(GRAPHRUN_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
  include(CheckLanguage)
  if(CUDAToolkit_FOUND AND GRAPHRUN_CUDNN_INCLUDE AND GRAPHRUN_CUDNN_LIBRARY)
    check_language(CUDA)
  endif()
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20) # CMake 3.25 has no name for C++20 in CUDA
    set(GRAPHRUN_CUDA ON)
  elseif(NOT wanted STREQUAL "AUTO")
    message(FATAL_ERROR "GRAPHRUN_CUDA is ON: expected nvcc 12 or later, cuDNN's header and its library")
  endif()
endif()
message(STATUS "GPU backend: ${GRAPHRUN_CUDA}")

if(GRAPHRUN_CUDA)
  add_library(graphrun_cuda_options INTERFACE)
  target_include_directories(graphrun_cuda_options SYSTEM INTERFACE
    $<BUILD_INTERFACE:${CUDAToolkit_INCLUDE_DIRS}> $<BUILD_INTERFACE:${GRAPHRUN_CUDNN_INCLUDE}>)
  # The host compiler's warnings are those that nvcc's own code passes.
  target_compile_options(graphrun_cuda_options INTERFACE
    $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror;--expt-relaxed-constexpr>>)
endif()
