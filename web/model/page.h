// The files of the page, as they were built from web/ui and embedded.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace warren::web {

struct PageFile {
    std::string_view path;  // "/index.html"
    Bytes gzipped;
};

// Empty when web/ui was not built. Made by embed_page.cmake.
[[nodiscard]] std::span<const PageFile> page_files();

// The file that answers a path: itself; index.html for a path of the page's own router; nullptr when there is none.
[[nodiscard]] const PageFile* find_page(std::span<const PageFile> files, std::string_view path);
// "text/html; charset=utf-8", ... by the file's name.
[[nodiscard]] std::string_view content_type_of(std::string_view path);
// A build names such a file after what is in it, so it may be kept for ever.
[[nodiscard]] bool is_immutable(std::string_view path);

// What is shown when the page was not built.
inline constexpr std::string_view kPageNotBuilt =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Warren</title><h1>The page was not built</h1>"
    "<p>This statusd was built without Node.js, so the page is not in it. The API answers under /api/v1, the metrics "
    "under "
    "/metrics.</p></html>\n";

}  // namespace warren::web
