# What `cmake --install` lays down, in three components that are also the three Debian packages:
# runtime (the shared library), development (headers, CMake and pkg-config files) and command.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/idem)
get_target_property(library_type idem TYPE)

# The libraries and, where it was built, the command.
set(libraries idem idem_testing)
set_target_properties(idem_testing PROPERTIES EXPORT_NAME testing)
if(TARGET idem_cli)
  list(APPEND libraries idem_cli)
  set_target_properties(idem_cli PROPERTIES EXPORT_NAME cli)
endif()
install(TARGETS ${libraries} EXPORT idem-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
if(TARGET idem_command)
  install(TARGETS idem_command DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  # Under any prefix the command finds the library beside it; strip_rpath.cmake takes this out
  # of packages.
  file(RELATIVE_PATH to_libraries /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(idem_command PROPERTIES INSTALL_RPATH $ORIGIN/${to_libraries})
endif()

# Headers.
set(header_folders ${PROJECT_SOURCE_DIR}/lib/include/idem ${PROJECT_BINARY_DIR}/lib/include/idem)
if(TARGET idem_cli)
  list(APPEND header_folders ${PROJECT_SOURCE_DIR}/cli/include/idem)
endif()
install(DIRECTORY ${header_folders} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN *.hpp)

# find_package(idem)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/idem-config.cmake.in
  ${PROJECT_BINARY_DIR}/idem-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/idem-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT idem-targets NAMESPACE idem:: DESTINATION ${package_folder} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/idem-config.cmake
              ${PROJECT_BINARY_DIR}/idem-config-version.cmake
              ${CMAKE_CURRENT_LIST_DIR}/IdemProjections.cmake
              ${CMAKE_CURRENT_LIST_DIR}/plugin_glue.cpp
  DESTINATION ${package_folder} COMPONENT development)

# pkg-config idem. A shared library brings its dependencies along; a static one names them, for
# plain `pkg-config --libs` too, since there is no shared one beside it.
set(pkg_config_requires "")
if(library_type STREQUAL "STATIC_LIBRARY")
  set(pkg_config_requires "lmdb libxxhash libsodium uuid fmt flatbuffers")
endif()
file(RELATIVE_PATH pkg_config_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pkg_config_prefix ${pkg_config_prefix})
configure_file(${CMAKE_CURRENT_LIST_DIR}/idem.pc.in ${PROJECT_BINARY_DIR}/idem.pc @ONLY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/idem-testing.pc.in ${PROJECT_BINARY_DIR}/idem-testing.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/idem.pc ${PROJECT_BINARY_DIR}/idem-testing.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)

# Completion of the shells that have it, where each of them looks.
function(install_completion file folder name)
  if(TARGET idem_command AND EXISTS ${PROJECT_SOURCE_DIR}/cli/completions/${file})
    install(FILES ${PROJECT_SOURCE_DIR}/cli/completions/${file}
      DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} RENAME ${name} COMPONENT command)
  endif()
endfunction()
install_completion(idem.bash bash-completion/completions idem)
install_completion(_idem zsh/vendor-completions _idem)
install_completion(idem.fish fish/vendor_completions.d idem.fish)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
