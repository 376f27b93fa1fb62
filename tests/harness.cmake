# Tests against real things: Python files that start a private Slurm, receivers, brokers.

find_program(SLUICE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

# sluice_python_test(NAME FILE [LABELS label…] [TIMEOUT seconds])
#
# One CTest entry a file. FILE is relative to the caller's folder. They run one at a time: a cluster
# beside another one on a small machine makes every deadline a matter of luck.
function(sluice_python_test name file)
  cmake_parse_arguments(arg "" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS slurm)
  endif()
  add_test(NAME ${name}
    COMMAND ${SLUICE_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/harness
            ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    RESOURCE_LOCK machine
    SKIP_RETURN_CODE 77
    ENVIRONMENT "SLUICE_BUILD=${CMAKE_BINARY_DIR};PYTHONUNBUFFERED=1")
endfunction()
