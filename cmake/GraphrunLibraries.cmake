# What programs link, made of the rooms' objects: libgraphrun, and beside it libgraphrun_compiler and libgraphrun_training,
# each shared and static. Of the shared ones, libgraphrun exports the public interface and what the other two need of its
# inside (api/version_script.sh); they export their public classes alone.
find_package(OneDNN 2.6 REQUIRED)

set(GRAPHRUN_ROOMS graphrun_api graphrun_core graphrun_collective graphrun_cpu graphrun_model graphrun_tensorfile graphrun_weights
  graphrun_ops graphrun_ops_cpu graphrun_taps graphrun_imaging graphrun_session graphrun_labelling graphrun_plugin)
set(GRAPHRUN_COMPILER_ROOMS graphrun_api_compiler graphrun_compiler)
set(GRAPHRUN_TRAINING_ROOMS "")
set(training_libraries "")
if(GRAPHRUN_TOOLS)
  set(GRAPHRUN_TRAINING_ROOMS graphrun_api_training graphrun_training graphrun_train_session graphrun_ops_cpu_training graphrun_datasets
    graphrun_profiling graphrun_ranks graphrun_mpi)
  find_package(JPEG REQUIRED)
  find_package(PNG REQUIRED)
  set(training_libraries OneDNN::OneDNN OpenMP::OpenMP_CXX ${JPEG_LIBRARIES} ${PNG_LIBRARIES})
  if(GRAPHRUN_MPI)
    find_package(MPI QUIET COMPONENTS CXX)
    list(APPEND training_libraries ${MPI_CXX_LIBRARIES})
  endif()
endif()
set(module_rooms ${GRAPHRUN_COMPILER_ROOMS} ${GRAPHRUN_TRAINING_ROOMS})

# graphrun_version_script(FILE ROOMS ... MODULES ...): FILE is made anew when a room's code changes.
function(graphrun_version_script file)
  cmake_parse_arguments(ARG "" "" "ROOMS;MODULES" ${ARGN})
  set(script ${CMAKE_SOURCE_DIR}/api/version_script.sh)
  set(files ${ARG_ROOMS})
  list(TRANSFORM files REPLACE "(.+)" "$<TARGET_FILE:\\1>")
  set(module_files ${ARG_MODULES})
  list(TRANSFORM module_files REPLACE "(.+)" "$<TARGET_FILE:\\1>")
  add_custom_command(OUTPUT ${file}
    COMMAND ${script} ${CMAKE_BINARY_DIR}/runtime/core/build_stamp.cpp.txt ${file} ${CMAKE_NM} ${files} -- ${module_files}
    DEPENDS ${script} ${ARG_ROOMS} ${ARG_MODULES}
    VERBATIM)
endfunction()

# graphrun_export_library(NAME SCRIPT file ROOMS ... LINK ...): NAME_shared and NAME_static, both called lib<NAME>.
function(graphrun_export_library name)
  cmake_parse_arguments(ARG "" "SCRIPT" "ROOMS;LINK" ${ARGN})
  set(objects ${ARG_ROOMS})
  list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  foreach(kind shared static)
    string(TOUPPER ${kind} type)
    add_library(${name}_${kind} ${type} ${objects})
    set_target_properties(${name}_${kind} PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE CXX)
    target_compile_features(${name}_${kind} PUBLIC cxx_std_20)
    target_include_directories(${name}_${kind} INTERFACE
      $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endforeach()
  target_sources(${name}_shared PRIVATE ${ARG_SCRIPT})
  set_target_properties(${name}_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS ${ARG_SCRIPT} INSTALL_RPATH "$ORIGIN;$ORIGIN/graphrun")
  target_link_options(${name}_shared PRIVATE LINKER:--version-script=${ARG_SCRIPT}
    LINKER:-z,defs,-z,relro,-z,now,--as-needed,--gc-sections,-O1)
  target_link_libraries(${name}_shared PRIVATE ${ARG_LINK} ${CMAKE_DL_LIBS})
  # Whoever links the static library into a shared object does not hand its symbols on: two such objects, of two
  # versions perhaps, live in one process.
  target_link_options(${name}_static INTERFACE LINKER:--exclude-libs,lib${name}.a LINKER:--gc-sections)
  target_link_libraries(${name}_static INTERFACE ${ARG_LINK} ${CMAKE_DL_LIBS})
endfunction()

set(scripts ${CMAKE_BINARY_DIR}/version_scripts)
file(MAKE_DIRECTORY ${scripts})
graphrun_version_script(${scripts}/graphrun.map ROOMS ${GRAPHRUN_ROOMS} MODULES ${module_rooms})
graphrun_export_library(graphrun SCRIPT ${scripts}/graphrun.map ROOMS ${GRAPHRUN_ROOMS}
  LINK OneDNN::OneDNN OpenMP::OpenMP_CXX)
target_link_options(graphrun_shared PRIVATE ${GRAPHRUN_OPENMP_OPTION})
target_link_options(graphrun_static INTERFACE $<BUILD_INTERFACE:${GRAPHRUN_OPENMP_OPTION}>)

set(GRAPHRUN_COMPONENTS graphrun graphrun_compiler)
graphrun_version_script(${scripts}/compiler.map ROOMS ${GRAPHRUN_COMPILER_ROOMS})
graphrun_export_library(graphrun_compiler SCRIPT ${scripts}/compiler.map ROOMS ${GRAPHRUN_COMPILER_ROOMS})
if(GRAPHRUN_TOOLS)
  list(APPEND GRAPHRUN_COMPONENTS graphrun_training)
  graphrun_version_script(${scripts}/training.map ROOMS ${GRAPHRUN_TRAINING_ROOMS})
  graphrun_export_library(graphrun_training SCRIPT ${scripts}/training.map ROOMS ${GRAPHRUN_TRAINING_ROOMS}
    LINK ${training_libraries})
  target_link_options(graphrun_training_shared PRIVATE ${GRAPHRUN_OPENMP_OPTION})
endif()
foreach(component ${GRAPHRUN_COMPONENTS})
  if(NOT component STREQUAL graphrun)
    target_link_libraries(${component}_shared PUBLIC graphrun_shared)
    target_link_libraries(${component}_static INTERFACE graphrun_static)
  endif()
endforeach()
