// The files of the status page, built from web/ui and embedded.
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
    Bytes plain;
};

// Empty when web/ui was not built. Made by embed_page.cmake.
[[nodiscard]] std::span<const PageFile> page_files();

// The file for a path: the file itself, or index.html for a view of the page; nullptr when there is none.
[[nodiscard]] const PageFile* find_page(std::span<const PageFile> files, std::string_view path);
// By the file's extension: "text/html; charset=utf-8", ...
[[nodiscard]] std::string_view content_type_of(std::string_view path);
// The file's name contains a hash of its content, so clients may cache it for ever.
[[nodiscard]] bool is_immutable(std::string_view path);

// Served when the page was not built.
inline constexpr std::string_view kPageNotBuilt =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Warren</title><h1>The page was not built</h1>"
    "<p>This statusd was built without Node.js and does not contain the page. The API is at /api/v1, the metrics are"
    " at /metrics.</p></html>\n";

}  // namespace warren::web
