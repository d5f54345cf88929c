# cmake -DFILES=NAME=PATH;... -DHEADER=FILE -DNAMESPACE=NAME -DOUTPUT=FILE -P EmbedText.cmake
# Writes a C++ source with a function NAME() for each file, which returns its text.
#
# graphrun_embed_text(TARGET HEADER NAMESPACE NAME=FILE...): adds such a source to a target; files are relative to the
# folder that is read.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(GRAPHRUN_EMBED_TEXT ${CMAKE_CURRENT_LIST_FILE})
  function(graphrun_embed_text target header namespace)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_text.cpp)
    set(paths)
    foreach(entry ${ARGN})
      string(REGEX REPLACE "^[^=]*=" "" path ${entry})
      list(APPEND paths ${CMAKE_CURRENT_SOURCE_DIR}/${path})
    endforeach()
    list(TRANSFORM ARGN REPLACE "=" "=${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE files)
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DHEADER=${header} -DNAMESPACE=${namespace} -DOUTPUT=${output}
        -P ${GRAPHRUN_EMBED_TEXT}
      DEPENDS ${paths} ${GRAPHRUN_EMBED_TEXT} VERBATIM)
    target_sources(${target} PRIVATE ${output})
  endfunction()
  return()
endif()

set(text "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
foreach(entry ${FILES})
  string(REGEX MATCH "^([^=]*)=(.*)$" matched "${entry}")
  set(name ${CMAKE_MATCH_1})
  file(READ ${CMAKE_MATCH_2} content)
  string(APPEND text "\nstd::string_view ${name}() {\n  return R\"embedded(${content})embedded\";\n}\n")
endforeach()
file(WRITE ${OUTPUT} "${text}\n}  // namespace ${NAMESPACE}\n")
