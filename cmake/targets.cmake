# Compile flags shared by every target, and the two functions the folders' CMakeLists.txt use.

add_library(easyflow_flags INTERFACE)
target_include_directories(easyflow_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(easyflow_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
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

# easyflow_test(name SOURCES a_test.cpp ... USES target ... [LABELS unit|integration|e2e] [TIMEOUT seconds] [WHOLE])
# Every TEST becomes a ctest of its own; WHOLE runs the binary as one ctest (suites that share a costly set-up).
function(easyflow_test name)
  if(NOT EASYFLOW_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "WHOLE" "LABELS;TIMEOUT" "SOURCES;USES" ${ARGN})
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
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABELS} TIMEOUT ${ARG_TIMEOUT})
  else()
    gtest_discover_tests(${name} PROPERTIES LABELS ${ARG_LABELS} TIMEOUT ${ARG_TIMEOUT} DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
