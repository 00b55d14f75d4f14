# The three ways to declare code here: gloo_library, gloo_test, gloo_program.

# Warnings for our own code; generated code gets none.
add_library(gloo_warnings INTERFACE)
target_include_directories(gloo_warnings INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src)
target_compile_options(gloo_warnings INTERFACE -Wall -Wextra -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(gloo_warnings INTERFACE -Wthread-safety)
else()
  # GCC 12 warns of overlaps in its own std::string (its bug 105651).
  target_compile_options(gloo_warnings INTERFACE -Wno-restrict)
endif()

add_compile_options(-fno-omit-frame-pointer)
add_link_options(-Wl,--as-needed)
# Sanitizers too, where wanted. They see our own code; what protoc generates is like the libraries of the system, not
# looked into, and shared with the other build folders through ccache. Whatever of ours includes it is instrumented.
add_library(gloo_options INTERFACE)
target_link_libraries(gloo_options INTERFACE gloo_warnings)
if(GLOO_SANITIZE)
  target_compile_options(gloo_options INTERFACE -fsanitize=${GLOO_SANITIZE} -fno-sanitize-recover=all -g1)
  target_link_options(gloo_options INTERFACE -fsanitize=${GLOO_SANITIZE})
endif()

# gloo_library(NAME SOURCES a.cc ... DEPS gloo_base ...): one static library a folder.
function(gloo_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE gloo_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src)
endfunction()

# gloo_test(NAME SOURCES a_test.cc ... DEPS ...): one GoogleTest program a folder, run by ctest.
# Its working directory is the root of the checkout.
function(gloo_test name)
  if(NOT GLOO_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} gloo_options GTest::gmock GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

# gloo_program(NAME SOURCES main.cc DEPS ...): a program in build/bin.
function(gloo_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} gloo_options)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
