# How every part of Warren is built: flags, libraries, programs, tests.

# What the programs print, and what dpkg, `sort -V` and the boot loader compare: to them "~" comes before the release.
set(WARREN_VERSION ${PROJECT_VERSION})
set(WARREN_SORTABLE_VERSION ${PROJECT_VERSION})
if(WARREN_PRERELEASE)
  string(APPEND WARREN_VERSION "-${WARREN_PRERELEASE}")
  string(APPEND WARREN_SORTABLE_VERSION "~${WARREN_PRERELEASE}")
endif()

option(WARREN_WERROR "Warnings are errors" OFF)
option(WARREN_FUZZ "Link fuzz targets with libFuzzer instead of the replay main" OFF)
set(WARREN_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# RelWithDebInfo ships: optimised, with line tables for a useful backtrace, and with WARREN_CHECK in.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

# What one clone has compiled, another one takes from the cache: it sees paths that are relative to the build directory.
# The name is one that clang-tidy knows not to be the compiler's.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_BINARY_DIR}/ccache)
  file(WRITE ${CMAKE_BINARY_DIR}/ccache "#!/bin/sh
CCACHE_BASEDIR='${CMAKE_SOURCE_DIR}' CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 exec ${CCACHE} \"$@\"\n")
  file(CHMOD ${CMAKE_BINARY_DIR}/ccache PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
find_package(fmt REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)

add_library(warren_flags INTERFACE)
target_include_directories(warren_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(warren_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-align -Wnull-dereference -Wimplicit-fallthrough -fno-strict-aliasing -fstack-protector-strong
  $<$<BOOL:${WARREN_WERROR}>:-Werror> $<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
target_link_options(warren_flags INTERFACE -Wl,-z,relro,-z,now)
if(WARREN_SANITIZE)
  target_compile_options(warren_flags INTERFACE
    -fsanitize=${WARREN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(warren_flags INTERFACE -fsanitize=${WARREN_SANITIZE})
endif()
if(WARREN_FUZZ)
  target_compile_options(warren_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# warren_library(NAME [FOLDERS folder...] [LINK lib...]): a static library of every .cc file in the current directory
# and in `folders`, not of their subdirectories.
function(warren_library name)
  cmake_parse_arguments(ARG "" "" "FOLDERS;LINK" ${ARGN})
  set(sources)
  foreach(folder . ${ARG_FOLDERS})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)
    list(APPEND sources ${found})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC warren_flags ${ARG_LINK})
endfunction()

# warren_program(NAME [LINK lib...]): an executable from main.cc in the current directory.
function(warren_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  target_link_libraries(${name} PRIVATE warren_flags ${ARG_LINK})
endfunction()

# warren_ring(LABEL NAME): building the target ring-LABEL builds NAME; `./test LABEL` runs it.
function(warren_ring label name)
  if(NOT TARGET ring-${label})
    add_custom_target(ring-${label})
  endif()
  add_dependencies(ring-${label} ${name})
endfunction()

# warren_doctest(NAME LABEL label [THREADS] [PLAIN] [LINK lib...]): one doctest program of every .cc file in the current
# directory, run by ctest under the address sanitizer. THREADS: it tests code with several threads, so it also runs
# under the thread sanitizer, in the ring `threads`. PLAIN: a part of it works only without a sanitizer, so it also
# runs without one, in the ring `plain`.
function(warren_doctest name)
  cmake_parse_arguments(ARG "THREADS;PLAIN" "LABEL" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE warren_flags doctest_main ${ARG_LINK})
  # Where the compiler ran: __FILE__ is relative to it.
  add_test(NAME ${name} COMMAND ${name} --no-intro WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  set(labels ${ARG_LABEL})
  if(ARG_THREADS)
    list(APPEND labels threads)
  endif()
  if(ARG_PLAIN)
    list(APPEND labels plain)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 1800)
  foreach(label ${labels})
    warren_ring(${label} ${name})
  endforeach()
endfunction()
