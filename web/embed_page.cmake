# Writes OUTPUT: the files below DIST, gzipped, as the table that web/model/page.h declares. DIST may be absent.
find_program(GZIP gzip REQUIRED)
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(SORT files)
set(data "")
set(table "")
set(number 0)
foreach(file ${files})
  execute_process(COMMAND ${GZIP} -9 -n -c ${DIST}/${file} OUTPUT_FILE ${OUTPUT}.gz COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${OUTPUT}.gz bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND data "constexpr std::uint8_t kFile${number}[] = {${bytes}};\n")
  string(APPEND table "    {\"/${file}\", kFile${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(REMOVE ${OUTPUT}.gz)
file(WRITE ${OUTPUT} "#include \"web/model/page.h\"\n\nnamespace warren::web {\n\nnamespace {\n${data}
const std::array<PageFile, ${number}> kFiles{{\n${table}}};\n}  // namespace\n
std::span<const PageFile> page_files() {\n    return kFiles;\n}\n\n}  // namespace warren::web\n")
