# idem_add_projections(NAME SOURCES file... [LIBRARIES target...])
#
# Makes lib<NAME>.so for `idem --plugin`. One of the sources defines
# `std::vector<idem::projection> idem_projections()`.

function(idem_add_projections name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "idem_add_projections(${name} SOURCES ...): name at least one source")
  endif()
  add_library(${name} MODULE ${arg_SOURCES} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_glue.cpp)
  # Where both FlatBuffers libraries are known, the shared one has to come first: the linker would
  # else fill libidem's needs from the static one, which Debian builds for executables only.
  if(TARGET flatbuffers::flatbuffers_shared)
    target_link_libraries(${name} PRIVATE flatbuffers::flatbuffers_shared)
  endif()
  target_link_libraries(${name} PRIVATE idem::idem ${arg_LIBRARIES})
  target_compile_features(${name} PRIVATE cxx_std_20)
endfunction()
