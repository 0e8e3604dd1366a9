#include "ipc/web_stacks.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "ipc/codec.h"

namespace warren::ipc {

namespace {

constexpr std::size_t kSizeField = 4;

void halve(auto& list, std::uint32_t& more) {
    const std::size_t kept = list.size() / 2;
    more += static_cast<std::uint32_t>(list.size() - kept);
    list.resize(kept);
}

// False: it needs more than `most` bytes even without its lists.
bool encode_within(std::size_t most, WebStack stack, std::vector<std::uint8_t>& wire) {
    while (!encode_variant(std::variant<WebStack>(stack), wire) || wire.size() > most) {
        if (stack.routes.empty() && stack.disabled_peers.empty() && stack.peer_descriptions.empty()) return false;
        stack.peer_descriptions.resize(stack.peer_descriptions.size() / 2);
        halve(stack.routes, stack.more_routes);
        halve(stack.disabled_peers, stack.more_disabled);
    }
    return true;
}

}  // namespace

std::vector<std::uint8_t> encode_stacks(const std::vector<WebStack>& stacks, std::size_t most) {
    std::vector<std::uint8_t> out;
    std::vector<std::uint8_t> wire;
    const std::size_t part = most / std::max<std::size_t>(stacks.size(), 1);
    for (const WebStack& stack : stacks) {
        if (part <= kSizeField || !encode_within(part - kSizeField, stack, wire)) continue;
        std::array<std::uint8_t, kSizeField> size{};
        store_le(size.data(), static_cast<std::uint32_t>(wire.size()));
        out.insert(out.end(), size.begin(), size.end());
        out.insert(out.end(), wire.begin(), wire.end());
    }
    return out;
}

Result<std::vector<WebStack>> decode_stacks(Bytes file) {
    std::vector<WebStack> out;
    ByteReader reader(file);
    while (!reader.rest().empty()) {
        const auto size = reader.le<std::uint32_t>();
        const Bytes wire = reader.take(size);
        if (!reader.ok()) return fail(ErrorCode::kInvalid, "it is cut off");
        auto stack = decode_variant<std::variant<WebStack>>(wire);
        if (!stack) return tl::unexpected(stack.error());
        out.push_back(std::get<WebStack>(std::move(*stack)));
    }
    return out;
}

}  // namespace warren::ipc
