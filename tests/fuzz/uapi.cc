// A client of the UAPI socket: its bytes mean the same, no matter how they are split into reads.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "vpnd/listeners/wireguard/uapi.h"

namespace {

using warren::Bytes;
using warren::vpnd::UapiOperation;
using warren::vpnd::UapiReader;

// Stops at the first malformed operation, where the server closes the connection.
std::vector<UapiOperation> read_in_steps(Bytes input, std::size_t step) {
    UapiReader reader;
    std::vector<UapiOperation> out;
    while (!input.empty()) {
        Bytes piece = input.first(std::min(step, input.size()));
        input = input.subspan(piece.size());
        while (!piece.empty()) {
            const std::size_t before = piece.size();
            const auto operation = reader.feed(piece);
            WARREN_CHECK(piece.size() < before);
            if (!operation) continue;
            out.push_back(*operation);
            if (*operation == UapiOperation::kMalformed) return out;
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    WARREN_CHECK(read_in_steps(input, 1) == read_in_steps(input, 4096));
    return 0;
}
