# Compares MANUAL with what VPNCTL makes of the schema.
execute_process(COMMAND ${VPNCTL} explain --format markdown OUTPUT_VARIABLE made RESULT_VARIABLE status)
file(READ ${MANUAL} committed)
if(NOT status EQUAL 0 OR NOT made STREQUAL committed)
  message(FATAL_ERROR "${MANUAL} is not what the schema says; run: vpnctl explain --format markdown > docs/config.md")
endif()
