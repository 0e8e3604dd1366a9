# Writes OUTPUT: the files below DIST, as they are and gzipped, as the table that web/model/page.h declares. DIST may be
# absent.
find_program(GZIP gzip REQUIRED)
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(SORT files)
set(data "")
set(table "")
set(number 0)

# Appends the bytes of `file` to data, as the array `name`.
function(embed name file)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  set(data "${data}constexpr std::uint8_t ${name}[] = {${bytes}};\n" PARENT_SCOPE)
endfunction()

foreach(file ${files})
  execute_process(COMMAND ${GZIP} -9 -n -c ${DIST}/${file} OUTPUT_FILE ${OUTPUT}.gz COMMAND_ERROR_IS_FATAL ANY)
  embed(kZipped${number} ${OUTPUT}.gz)
  embed(kPlain${number} ${DIST}/${file})
  string(APPEND table "    {\"/${file}\", kZipped${number}, kPlain${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(REMOVE ${OUTPUT}.gz)
file(WRITE ${OUTPUT} "#include \"web/model/page.h\"\n\nnamespace warren::web {\n\nnamespace {\n${data}
const std::array<PageFile, ${number}> kFiles{{\n${table}}};\n}  // namespace\n
std::span<const PageFile> page_files() {\n    return kFiles;\n}\n\n}  // namespace warren::web\n")
