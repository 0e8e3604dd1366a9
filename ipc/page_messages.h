// vpnctl <-> statusd: what the page's API answers (web/api/openapi.json), for root, without a login. One question at a
// time on a connection; a long answer comes in pieces, each of which is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace warren::ipc {

// From vpnctl.
struct PageQuestion {
    static constexpr std::size_t kMaxTarget = 4096;

    std::string target;  // "/api/v1/events?limit=10"
};
// From vpnctl: the next piece of the last answer.
struct PageNext {};
// From statusd.
struct PagePiece {
    static constexpr std::size_t kMaxText = 64 * 1024;

    std::uint16_t status = 0;  // of HTTP
    std::string text;
    bool more = false;
};

using PageMessage = std::variant<PageQuestion, PageNext, PagePiece>;

[[nodiscard]] Status encode(const PageMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<PageMessage> decode_page(Bytes wire);

}  // namespace warren::ipc
