# What `cmake --install` leaves behind: the libraries as the package graphrun, for CMake and for pkg-config, with the
# public headers and no others; the programs, and the graphs and data set descriptors that the programs look up. All
# paths are relative: the prefix can be moved. The components are the packages of GraphrunPackages.cmake.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/graphrun)

set(static ${GRAPHRUN_COMPONENTS})
list(TRANSFORM static APPEND _static)
foreach(library ${GRAPHRUN_COMPONENTS})
  set(component libraries)
  if(library STREQUAL graphrun_training)
    set(component training)
  endif()
  install(TARGETS ${library}_shared EXPORT graphrunShared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component}
    NAMELINK_COMPONENT development)
endforeach()
install(TARGETS ${static} EXPORT graphrunStatic ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(EXPORT graphrunShared NAMESPACE graphrun:: DESTINATION ${package} FILE graphrunShared.cmake COMPONENT development)
install(EXPORT graphrunStatic NAMESPACE graphrun:: DESTINATION ${package} FILE graphrunStatic.cmake COMPONENT development)
configure_package_config_file(cmake/graphrunConfig.cmake.in graphrunConfig.cmake INSTALL_DESTINATION ${package}
  PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(graphrunConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/graphrunConfig.cmake ${CMAKE_BINARY_DIR}/graphrunConfigVersion.cmake cmake/FindOneDNN.cmake
  DESTINATION ${package} COMPONENT development)

if(GRAPHRUN_OPENMP_FIRST)
  install(FILES ${GRAPHRUN_OPENMP_FIRST} DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun/link COMPONENT development)
endif()

# From the package's file to the prefix, which pkg-config finds out where it runs.
file(RELATIVE_PATH GRAPHRUN_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/graphrun.pc.in graphrun.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/graphrun.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

install(DIRECTORY include/graphrun ${CMAKE_BINARY_DIR}/include/graphrun DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development FILES_MATCHING PATTERN "*.h")
install(DIRECTORY graphs datasets DESTINATION ${CMAKE_INSTALL_DATADIR}/graphrun COMPONENT programs
  FILES_MATCHING PATTERN "*.json")
if(GRAPHRUN_CUDA)
  install(TARGETS graphrun_gpu LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun COMPONENT libraries)
endif()
if(GRAPHRUN_TOOLS)
  install(TARGETS graphc grun RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
  install(TARGETS graphrun_codecs LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun COMPONENT codecs)
  install(TARGETS graphrun_video LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/graphrun COMPONENT video)
endif()
