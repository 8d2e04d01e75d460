# The target `headers` compiles every header of ours by itself: a header that needs its includer's includes fails here.

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  core/*.hpp crypto/*.hpp storage/*.hpp connectors/*.hpp sandbox/*.hpp tests/*.hpp)
if(NOT EASYFLOW_TESTS)
  list(FILTER headers EXCLUDE REGEX "^tests/|/tests/")
endif()

set(header_sources)
foreach(header IN LISTS headers)
  set(source ${CMAKE_BINARY_DIR}/headers/${header}.cpp)
  # written only when it changes, so that a configure does not compile all of them again
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n" @ONLY)
  list(APPEND header_sources ${source})
endforeach()

add_library(headers OBJECT EXCLUDE_FROM_ALL ${header_sources})
target_link_libraries(headers PRIVATE easyflow_flags Boost::headers nlohmann_json::nlohmann_json spdlog::spdlog
  CLI11::CLI11 prometheus-cpp::core PkgConfig::pqxx PkgConfig::sodium OpenSSL::SSL)
if(EASYFLOW_TESTS)
  # folders of test data, which each test target sets to its own
  target_compile_definitions(headers PRIVATE EASYFLOW_FIXTURES="" EASYFLOW_SOURCE_DIR="" EASYFLOW_SOURCES="")
  target_link_libraries(headers PRIVATE GTest::gtest GTest::gmock)
endif()
