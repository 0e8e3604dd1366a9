// Messages of somebody who has no password and no certificate: what the input does not say of an EAP message is made
// right, so that each reaches the method. Nobody succeeds, every answer is a message, and after the end there is no
// other answer than a failure.
#include <algorithm>

#include "auth/eap/conversation.h"
#include "auth/eap/mschapv2.h"
#include "auth/eap/tls.h"
#include "base/check.h"
#include "crypto/legacy_provider.h"
#include "tests/unit/eap/tls_client.h"
#include "tests/vectors/seeded_random.h"

namespace {

using namespace warren;
using namespace warren::eap;

struct Server {
    crypto::LegacyDigest legacy = crypto::load_legacy_digest().value();
    test::SeededRandom random{1};
    Users users = Users::read(legacy, "alice = \"nt:0123456789abcdef0123456789abcdef\"\n").value();
    testing::Party hub{"hub"};
    TlsServer tls = TlsServer::make({hub.der()}, hub.private_key()).value();

    Offer offer() {
        return {{Type::kTls, Type::kMschapv2}, [this](Type type) -> std::unique_ptr<Method> {
                    if (type == Type::kMschapv2)
                        return std::make_unique<Mschapv2>(
                            Mschapv2Settings{legacy, random, users, "alice", IpAddress(), "hub"});
                    return std::make_unique<Tls>(tls, [](const std::vector<Der>&) {
                        return tl::expected<std::string, std::string>(tl::unexpected<std::string>("nobody's"));
                    });
                }};
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Server server;
    ByteReader script({data, size});
    Conversation conversation(server.offer());
    std::uint8_t identifier = 0;
    Instant now;
    for (int step = 0; step < 32 && !script.rest().empty(); ++step) {
        const std::uint8_t form = script.u8();
        const std::size_t length = std::min<std::size_t>(script.le<std::uint16_t>(), script.rest().size());
        const Bytes given = script.take(length);
        std::vector<std::uint8_t> message(given.begin(), given.end());
        if (form % 8 != 0)  // else the input is all of it
            message = write_message({Code::kResponse, identifier, static_cast<Type>(form), given});
        const bool was_over = conversation.is_over();
        now = now + std::chrono::milliseconds(form);
        const Answer answer = conversation.take(now, message);
        const auto sent = read_message(answer.message);
        WARREN_CHECK(sent.has_value() && answer.verdict != Answer::Verdict::kSuccess && answer.msk.is_zero());
        WARREN_CHECK((answer.verdict == Answer::Verdict::kContinue) == (sent->code == Code::kRequest));
        WARREN_CHECK(!was_over || answer.verdict == Answer::Verdict::kFailure);
        identifier = sent->identifier;
    }
    return 0;
}
