# How every target of our own is compiled: C++20, warnings as errors where idem is the top project.

function(idem_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
endfunction()
