#include "ipc/web_revisions.h"

#include <array>
#include <utility>
#include <variant>

#include "ipc/codec.h"

namespace warren::ipc {

namespace {

constexpr std::size_t kSizeField = 4;

// Halves the longest list of lines, then the list of files. False: there is nothing left to cut.
bool shrink(WebRevision& revision) {
    WebFileChange* longest = nullptr;
    for (WebFileChange& file : revision.files) {
        if (longest == nullptr || file.lines.size() > longest->lines.size()) longest = &file;
    }
    if (longest == nullptr) return false;
    if (!longest->lines.empty()) {
        const std::size_t kept = longest->lines.size() / 2;
        longest->more_lines += static_cast<std::uint32_t>(longest->lines.size() - kept);
        longest->lines.resize(kept);
        return true;
    }
    const std::size_t kept = revision.files.size() / 2;
    revision.more_files += static_cast<std::uint32_t>(revision.files.size() - kept);
    revision.files.resize(kept);
    return true;
}

}  // namespace

std::vector<std::uint8_t> encode_revisions(const std::vector<WebRevision>& revisions, std::size_t most) {
    std::vector<std::uint8_t> out;
    std::vector<std::uint8_t> wire;
    for (WebRevision revision : revisions) {
        bool fits = encode_variant(std::variant<WebRevision>(revision), wire) && wire.size() <= kMaxRevision;
        while (!fits && shrink(revision))
            fits = encode_variant(std::variant<WebRevision>(revision), wire) && wire.size() <= kMaxRevision;
        if (!fits) continue;
        if (out.size() + kSizeField + wire.size() > most) break;
        std::array<std::uint8_t, kSizeField> size{};
        store_le(size.data(), static_cast<std::uint32_t>(wire.size()));
        out.insert(out.end(), size.begin(), size.end());
        out.insert(out.end(), wire.begin(), wire.end());
    }
    return out;
}

Result<std::vector<WebRevision>> decode_revisions(Bytes file) {
    std::vector<WebRevision> out;
    ByteReader reader(file);
    while (!reader.rest().empty()) {
        const auto size = reader.le<std::uint32_t>();
        const Bytes wire = reader.take(size);
        if (!reader.ok()) return fail(ErrorCode::kInvalid, "it is cut off");
        auto revision = decode_variant<std::variant<WebRevision>>(wire);
        if (!revision) return tl::unexpected(revision.error());
        out.push_back(std::get<WebRevision>(std::move(*revision)));
    }
    return out;
}

}  // namespace warren::ipc
