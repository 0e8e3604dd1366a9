// vpnd <-> authd: a message that decodes must encode to the same bytes.
#include <algorithm>

#include "base/check.h"
#include "ipc/auth_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const warren::Bytes wire(data, size);
    const auto message = warren::ipc::decode_auth(wire);
    if (!message) return 0;
    std::vector<std::uint8_t> again;
    WARREN_CHECK(warren::ipc::encode(*message, again));
    WARREN_CHECK(std::equal(wire.begin(), wire.end(), again.begin(), again.end()));
    return 0;
}
