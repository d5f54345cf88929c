# `cpack` makes Debian packages of an installation in /usr (tools/make_packages.sh): libgraphrun0, what a program that labels
# images needs, libgraphrun-training0 for one that trains, libgraphrun-dev for building them; graphrun, the programs with their
# graphs and data sets, graphrun-codecs, image formats other than PNG, JPEG and those of Netpbm, which brings OpenCV, and
# graphrun-video, which brings FFmpeg.
set(GRAPHRUN_MAINTAINER "graphrun maintainers <maintainers@graphrun.invalid>" CACHE STRING "Who makes Debian packages")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME graphrun)
set(CPACK_PACKAGE_CONTACT ${GRAPHRUN_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/packages/strip_archives.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR})
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

file(CONFIGURE OUTPUT packages/changelog @ONLY CONTENT
  "graphrun (@PROJECT_VERSION@-@CPACK_DEBIAN_PACKAGE_RELEASE@) unstable; urgency=medium

  * Version @PROJECT_VERSION@; CHANGELOG.md of the sources says what is new.

 -- @GRAPHRUN_MAINTAINER@  Mon, 30 Nov 2026 12:00:00 +0000
")
set(changelog ${CMAKE_BINARY_DIR}/packages/changelog.Debian.gz)
execute_process(COMMAND gzip -9nc ${CMAKE_BINARY_DIR}/packages/changelog OUTPUT_FILE ${changelog})

# graphrun_package(COMPONENT NAME SECTION WHAT TEXT): a package of what is installed as this component.
macro(graphrun_package component name section what text)
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "embedded runtime for scene parsing networks (${what})\n${text}")
  install(FILES ${changelog} cmake/packages/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

# graphrun_package_of_libraries(COMPONENT NAME LIBRARY...): what other packages that need these libraries depend on. CPack's own
# list would have the development package's stand-in for the OpenMP library as well.
macro(graphrun_package_of_libraries component name)
  string(TOUPPER ${component} upper)
  set(control ${CMAKE_BINARY_DIR}/packages/${component})
  set(lines ${ARGN})
  list(TRANSFORM lines REPLACE "(.+)" "\\1 ${PROJECT_VERSION_MAJOR} ${name} (>= ${PROJECT_VERSION})\n")
  list(JOIN lines "" lines)
  file(WRITE ${control}/shlibs "${lines}")
  file(WRITE ${control}/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${control}/shlibs ${control}/triggers)
endmacro()

graphrun_package(libraries libgraphrun${PROJECT_VERSION_MAJOR} libs "libraries"
  "Executes networks for semantic segmentation, compiled ahead of time to\nmodel files, on CPUs by oneDNN.")
graphrun_package_of_libraries(libraries libgraphrun${PROJECT_VERSION_MAJOR} libgraphrun libgraphrun_compiler)
graphrun_package(training libgraphrun-training${PROJECT_VERSION_MAJOR} libs "training library"
  "Trains and evaluates networks for semantic segmentation from C++ programs.")
graphrun_package_of_libraries(training libgraphrun-training${PROJECT_VERSION_MAJOR} libgraphrun_training)
set(CPACK_COMPONENT_TRAINING_DEPENDS libraries)
graphrun_package(development libgraphrun-dev libdevel "development"
  "Headers, static libraries, CMake package and pkg-config file.")
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS libraries training)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libdnnl-dev, libjpeg-dev, libpng-dev")
graphrun_package(programs graphrun science "programs"
  "graphc compiles graphs of networks; grun trains them, evaluates them and labels\nimages. With graphs of SPNet, PSPNet, PSANet, SegFormer and others.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS graphrun-codecs)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS graphrun-video)
graphrun_package(codecs graphrun-codecs science "image formats"
  "Lets grun read images that are neither PNG nor JPEG nor of the Netpbm formats.")
set(CPACK_DEBIAN_CODECS_PACKAGE_ENHANCES graphrun)
graphrun_package(video graphrun-video science "videos"
  "Lets grun label the frames of videos.")
set(CPACK_DEBIAN_VIDEO_PACKAGE_ENHANCES graphrun)
include(CPack)
