# Debian packages of a shared build: `cpack --config build/release/CPackConfig.cmake` writes
# libidem0, libidem-dev and idem to build/release/packages.
set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_NAME idem)
set(CPACK_PACKAGE_VENDOR "the idem authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own, below
set(CPACK_PACKAGE_CONTACT "the idem authors <maintainers@idem.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/strip_rpath.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_COMPONENTS_ALL runtime development)

# What the policy of Debian asks of every package and every shared library.
set(folder ${PROJECT_BINARY_DIR}/debian)
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${folder}/changelog "idem (${PROJECT_VERSION}) unstable; urgency=medium\n\n"
  "  * Version ${PROJECT_VERSION}.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
execute_process(COMMAND gzip -9 --no-name --force ${folder}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${folder}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${folder}/triggers)

# idem_debian_package(COMPONENT NAME SECTION SUMMARY text TEXT text [DEPENDS component...])
function(idem_debian_package component name section)
  cmake_parse_arguments(arg "" "SUMMARY;TEXT" "DEPENDS" ${ARGN})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${arg_SUMMARY}\n${arg_TEXT}" PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DEPENDS ${arg_DEPENDS} PARENT_SCOPE)
  set(documents ${CMAKE_INSTALL_DATADIR}/doc/${name})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${documents} RENAME copyright
    COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${folder}/changelog.gz DESTINATION ${documents}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

set(text "idem keeps an append-only log of events, in which delivering an event
twice changes nothing, and the state that projections fold from it.")
idem_debian_package(runtime libidem${PROJECT_VERSION_MAJOR} libs
  SUMMARY "event-sourced state store, shared library" TEXT "${text}")
idem_debian_package(development libidem-dev libdevel DEPENDS runtime
  SUMMARY "event-sourced state store, development files" TEXT "${text}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS libfmt-dev)  # linked with idem::cli
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS
    "cmake, pkg-config, libflatbuffers-dev, flatbuffers-compiler, flatbuffers-compiler-dev")

if(TARGET idem_command)
  list(APPEND CPACK_COMPONENTS_ALL command)
  idem_debian_package(command idem database DEPENDS runtime
    SUMMARY "event-sourced state store, command line" TEXT "${text}")
  set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
endif()

include(CPack)
