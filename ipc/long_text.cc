#include "ipc/long_text.h"

#include <algorithm>
#include <vector>

namespace warren::ipc {

namespace {

constexpr std::size_t kPiece = kMaxMessageSize - 1;
// The first byte of each piece.
constexpr std::uint8_t kMore = 1;
constexpr std::uint8_t kLast = 2;

}  // namespace

Status send_text(Channel& channel, std::string_view text) {
    do {
        const std::string_view piece = text.substr(0, kPiece);
        text.remove_prefix(piece.size());
        std::vector<std::uint8_t> message{text.empty() ? kLast : kMore};
        message.insert(message.end(), piece.begin(), piece.end());
        WARREN_TRY(channel.send(message));
    } while (!text.empty());
    return {};
}

Result<std::string> receive_text(Channel& channel, std::size_t limit) {
    std::string out;
    std::vector<std::uint8_t> space(kMaxMessageSize);
    while (true) {
        const auto received = channel.receive(space);
        if (!received) return tl::unexpected<Error>(received.error());
        if (received->closed) return fail(ErrorCode::kUnavailable, "hung up");
        if (received->size == 0 || (space[0] != kMore && space[0] != kLast))
            return fail(ErrorCode::kInvalid, "no piece of a text");
        out.append(reinterpret_cast<const char*>(space.data()) + 1, received->size - 1);
        if (out.size() > limit) return fail(ErrorCode::kInvalid, "the text is too long");
        if (space[0] == kLast) return out;
    }
}

}  // namespace warren::ipc
