// Every reason that the daemons count has its sentence, and none is explained that there is not.
#include "ipc/drop_reasons.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "vpnd/packet/drop_reason.h"
#include "vpnd/wireguard/drops.h"

using namespace warren;

TEST_CASE("every drop reason of the data plane and of the handshake is explained, and no other") {
    std::set<std::string> counted;
    for (const auto& text : dataplane::kDropReasons) counted.emplace(text.name);
    for (std::size_t i = 0; i < wireguard::kHandshakeDropCount; ++i)
        counted.emplace(wireguard::name_of(static_cast<wireguard::HandshakeDrop>(i)));
    for (const std::string& reason : counted) {
        CAPTURE(reason);
        CHECK(ipc::explain_drop(reason) != nullptr);
    }
    for (const auto& explanation : ipc::drop_explanations()) {
        CAPTURE(explanation.reason);
        CHECK(counted.contains(std::string(explanation.reason)));
    }
    CHECK(ipc::explain_drop("no_such_reason") == nullptr);
    CHECK(ipc::explain_drop("zzz") == nullptr);
}
