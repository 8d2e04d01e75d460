# Compile flags shared by every target, and the two functions the folders' CMakeLists.txt use.

add_library(easyflow_flags INTERFACE)
target_include_directories(easyflow_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(easyflow_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
# with ccache's base folder (scripts/lib.sh) the same source gives the same object wherever the checkout lies
target_compile_options(easyflow_flags INTERFACE -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=.)
target_compile_definitions(easyflow_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED PQXX_HAVE_OPTIONAL
  SPDLOG_FMT_EXTERNAL)

if(EASYFLOW_SANITIZE)
  target_compile_options(easyflow_flags INTERFACE -fsanitize=${EASYFLOW_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(easyflow_flags INTERFACE -fsanitize=${EASYFLOW_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND EASYFLOW_SANITIZE MATCHES "undefined")
    # clang 14 cannot place the function signatures of coroutines
    target_compile_options(easyflow_flags INTERFACE -fno-sanitize=function)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # false alarms of g++ 12 under sanitizers: std::variant, atomic_thread_fence
    target_compile_options(easyflow_flags INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
  endif()
endif()

if(EASYFLOW_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "The fuzz targets need clang: use the preset fuzz")
  endif()
  # coverage in every library, the fuzzer's main only in the fuzz targets
  target_compile_options(easyflow_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(easyflow_flags INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
else()
  target_compile_definitions(easyflow_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_link_options(-fuse-ld=lld)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

# Asio and Beast instantiations need up to a gigabyte each: one at a time.
set_property(GLOBAL PROPERTY JOB_POOLS heavy=1)

# easyflow_library(name SOURCES a.cpp ... [USES target ...] [PRIVATE target ...])
function(easyflow_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC easyflow_flags ${ARG_USES} PRIVATE ${ARG_PRIVATE})
endfunction()

# easyflow_test(name SOURCES a_test.cpp ... USES target ... [LABELS unit|integration|e2e [threads]] [TIMEOUT seconds] [WHOLE])
# Every TEST becomes a ctest of its own; WHOLE runs the binary as one ctest (suites that share a costly set-up).
# The label `threads` says: runs under the thread sanitizer too. The target tests_<label> builds all binaries of a label.
function(easyflow_test name)
  if(NOT EASYFLOW_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "WHOLE" "TIMEOUT" "SOURCES;USES;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE easyflow_flags ${ARG_USES} GTest::gtest GTest::gmock GTest::gtest_main)
  if(ARG_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  else()
    gtest_discover_tests(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} DISCOVERY_TIMEOUT 60)
    # PROPERTIES above cannot carry a list, so the labels are set when ctest has read the discovered tests
    set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
    file(WRITE ${labels_file} "if(${name}_TESTS)
  set_tests_properties(\${${name}_TESTS} PROPERTIES LABELS \"${ARG_LABELS}\")
endif()
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
  endif()
  foreach(label IN LISTS ARG_LABELS)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()
