#include "web/model/page.h"

#include <algorithm>
#include <utility>

namespace warren::web {

namespace {

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".json", "application/json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

const PageFile* find_file(std::span<const PageFile> files, std::string_view path) {
    const auto found =
        std::find_if(files.begin(), files.end(), [path](const PageFile& file) { return file.path == path; });
    return found == files.end() ? nullptr : &*found;
}

}  // namespace

const PageFile* find_page(std::span<const PageFile> files, std::string_view path) {
    if (const PageFile* file = find_file(files, path)) return file;
    const std::string_view last = path.substr(std::min(path.rfind('/'), path.size() - 1) + 1);
    // A name with a dot is a missing file, not a view; but the name of a peer may contain a dot.
    const bool is_view = last.find('.') == std::string_view::npos || path.starts_with("/customers/");
    return is_view ? find_file(files, "/index.html") : nullptr;
}

std::string_view content_type_of(std::string_view path) {
    for (const auto& [suffix, type] : kTypes) {
        if (path.ends_with(suffix)) return type;
    }
    return "application/octet-stream";
}

bool is_immutable(std::string_view path) {
    return path.starts_with("/assets/");
}

}  // namespace warren::web
