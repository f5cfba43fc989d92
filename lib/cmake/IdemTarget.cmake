# How every target of our own is compiled: C++20, warnings as errors where idem is the top project.

function(idem_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  # A shared library of ours is not there to be interposed upon: its own calls can be direct.
  target_compile_options(${name} PRIVATE -fno-semantic-interposition)
  # g++ 12 sees overlaps in std::string that are none (its bug 105651).
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
endfunction()
