// Any bytes as a message under a cookie, and as a cookie reply: nothing that was not made with the secret is accepted.
#include "vpnd/wireguard/cookie.h"

#include <algorithm>

#include "base/check.h"
#include "tests/unit/wireguard/scripted_peer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace warren;
    using namespace warren::wireguard;
    static testing::SeededRandom random(1);
    static const crypto::PublicKey ours = testing::generate_key_pair(random).public_key;
    CookieChecker checker(ours, random);
    const Bytes input(data, size);
    const Instant now{1'000'000'000};
    const Endpoint from{IpAddress::v4(192, 0, 2, 1), 51820, 0};

    if (classify(input).misfit != Misfit::kNone) return 0;
    if (const auto reply = parse_cookie_reply(input)) {
        MacWriter macs;
        WARREN_CHECK(macs.consume(now, *reply, ours) == CookieVerdict::kUnexpected);
        std::array<std::uint8_t, kInitiationSize> message{1};
        macs.sign(now, message, ours);
        // A stranger cannot know both our last mac1 and the key, but may guess them.
        WARREN_CHECK(macs.consume(now, *reply, ours) == CookieVerdict::kBad);
        WARREN_CHECK(macs.consume(now, checker.create_reply(now, message, from, 1), ours) == CookieVerdict::kAccepted);
        return 0;
    }

    // The secret is random, so a random mac2 is wrong. A mac2 made with the cookie is right, until a bit changes.
    WARREN_CHECK(!checker.is_mac2_valid(now, input, from));
    std::vector<std::uint8_t> message(input.begin(), input.end());
    MacWriter macs;
    macs.sign(now, message, ours);
    WARREN_CHECK(checker.is_mac1_valid(message));
    WARREN_CHECK(checker.is_mac1_valid(input) == std::equal(input.end() - 32, input.end() - 16, message.end() - 32));
    WARREN_CHECK(macs.consume(now, checker.create_reply(now, message, from, 1), ours) == CookieVerdict::kAccepted);
    macs.sign(now, message, ours);
    WARREN_CHECK(checker.is_mac2_valid(now, message, from));
    const std::size_t bit = (input[4] + input[5] * 256U) % (8 * size);
    message[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    WARREN_CHECK(!checker.is_mac2_valid(now, message, from));
    return 0;
}
