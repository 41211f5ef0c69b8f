# find_package(rhapsode): the targets rhapsode::rhapsode (shared) and rhapsode::rhapsode_static.
get_filename_component(_rhapsode_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
find_package(Threads REQUIRED)
if(NOT TARGET rhapsode::rhapsode)
  add_library(rhapsode::rhapsode SHARED IMPORTED)
  set_target_properties(rhapsode::rhapsode PROPERTIES
    IMPORTED_LOCATION "${_rhapsode_prefix}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}rhapsode_c${CMAKE_SHARED_LIBRARY_SUFFIX}"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${_rhapsode_prefix}/include")
  add_library(rhapsode::rhapsode_static STATIC IMPORTED)
  set_target_properties(rhapsode::rhapsode_static PROPERTIES
    IMPORTED_LOCATION "${_rhapsode_prefix}/lib/${CMAKE_STATIC_LIBRARY_PREFIX}rhapsode_c${CMAKE_STATIC_LIBRARY_SUFFIX}"
    INTERFACE_INCLUDE_DIRECTORIES "${_rhapsode_prefix}/include"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
unset(_rhapsode_prefix)
