# What `cmake --install` leaves behind: the runtime as the package graphrun (target graphrun::runtime; with GPUs
# graphrun::cuda besides), the programs, and the graphs and data set descriptors that the programs look up. Paths are relative: the prefix can be moved.
include(CMakePackageConfigHelpers)

add_library(graphrun_runtime INTERFACE)
set_target_properties(graphrun_runtime PROPERTIES EXPORT_NAME runtime)
target_include_directories(graphrun_runtime INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/graphrun>)
target_link_libraries(graphrun_runtime INTERFACE graphrun_session graphrun_ops_cpu)
target_compile_features(graphrun_runtime INTERFACE cxx_std_20)

# make_cuda_backend(): a backend where this build has CUDA, else an error.
set_target_properties(graphrun_ops_cuda PROPERTIES EXPORT_NAME cuda)
set(gpu graphrun_ops_cuda)
if(GRAPHRUN_CUDA)
  list(APPEND gpu graphrun_cuda graphrun_cuda_options)
endif()

set(installed ${gpu} graphrun_runtime graphrun_session graphrun_ops_cpu graphrun_ops graphrun_weights graphrun_tensorfile
  graphrun_collective graphrun_model graphrun_core graphrun_cpu graphrun_options)
install(TARGETS ${installed} EXPORT graphrun ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT graphrun NAMESPACE graphrun:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graphrun FILE graphrunTargets.cmake)
configure_package_config_file(cmake/graphrunConfig.cmake.in graphrunConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graphrun)
write_basic_package_version_file(graphrunConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/graphrunConfig.cmake ${CMAKE_BINARY_DIR}/graphrunConfigVersion.cmake cmake/FindOneDNN.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graphrun)

install(FILES api/graphrun.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/graphrun)
install(DIRECTORY include/graphrun DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/generated/graphrun/kernel/headers.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/graphrun/kernel)
foreach(room core collective imaging model weights session)
  install(DIRECTORY runtime/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/graphrun/runtime FILES_MATCHING PATTERN "*.h" PATTERN "parse_pools.h" EXCLUDE)
endforeach()
install(FILES ops/cpu_backend.h ops/cuda_backend.h ops/registry.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/graphrun/ops)
install(DIRECTORY graphs datasets DESTINATION ${CMAKE_INSTALL_DATADIR}/graphrun FILES_MATCHING PATTERN "*.json")
if(GRAPHRUN_TOOLS)
  install(TARGETS graphc grun RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS graphrun_codecs LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun)
  if(GRAPHRUN_CUDA)
    install(TARGETS graphrun_gpu LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun)
  endif()
endif()
