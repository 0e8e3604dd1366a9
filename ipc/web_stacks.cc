#include "ipc/web_stacks.h"

#include <array>
#include <variant>

#include "ipc/codec.h"

namespace warren::ipc {

std::vector<std::uint8_t> encode_stacks(const std::vector<WebStack>& stacks) {
    std::vector<std::uint8_t> out;
    std::vector<std::uint8_t> wire;
    for (const WebStack& stack : stacks) {
        if (!encode_variant(std::variant<WebStack>(stack), wire)) continue;
        std::array<std::uint8_t, 4> size{};
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
