// The UAPI's words: what is understood, what is not, and what `wg show` gets.
#include "vpnd/listeners/wireguard/uapi.h"

#include <doctest/doctest.h>

#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

// Feeds all of `text` in pieces of `step` bytes.
std::vector<UapiOperation> read_all(std::string_view text, std::size_t step) {
    UapiReader reader;
    std::vector<UapiOperation> out;
    while (!text.empty()) {
        Bytes piece = as_bytes(text.substr(0, step));
        text.remove_prefix(std::min(step, text.size()));
        while (!piece.empty()) {
            if (const auto operation = reader.feed(piece)) out.push_back(*operation);
        }
    }
    return out;
}

using Operations = std::vector<UapiOperation>;
constexpr auto kGet = UapiOperation::kGet;
constexpr auto kSet = UapiOperation::kSet;
constexpr auto kMalformed = UapiOperation::kMalformed;

}  // namespace

TEST_CASE("operations are understood however they are cut") {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
        CHECK(read_all("get=1\n\n", step) == Operations{kGet});
        CHECK(read_all("get=1\n\nget=1\n\n", step) == Operations{kGet, kGet});
        CHECK(read_all("set=1\n\n", step) == Operations{kSet});
        CHECK(read_all("set=1\nprivate_key=00\nreplace_peers=true\n\nget=1\n\n", step) == Operations{kSet, kGet});
        CHECK(read_all("get=1\n", step).empty());
        CHECK(read_all("set=1\nget=1\n", step).empty());  // still lines of the set
    }
}

TEST_CASE("anything else is malformed") {
    CHECK(read_all("\n", 1) == Operations{kMalformed});
    CHECK(read_all("get=2\n", 1) == Operations{kMalformed});
    CHECK(read_all("get=1\nx\n", 1) == Operations{kMalformed});
    CHECK(read_all("GET=1\n", 1) == Operations{kMalformed});
    CHECK(read_all(std::string_view("get=1\0\n\n", 8), 1).front() == kMalformed);
    CHECK(read_all("get=1\r\n\r\n", 1).front() == kMalformed);
}

TEST_CASE("a line that does not end is malformed before it fills memory") {
    CHECK(read_all(std::string(UapiReader::kMaxLine, 'x'), 1).empty());
    CHECK(read_all(std::string(UapiReader::kMaxLine + 1, 'x'), 1) == Operations{kMalformed});
    CHECK(read_all("set=1\n" + std::string(UapiReader::kMaxLine + 1, 'x'), 64) == Operations{kMalformed});
}

TEST_CASE("a peer is told as wg reads it") {
    HeldPeer peer;
    peer.config = test::put_peer(5, {"10.5.0.7/16", "fd00::1/128"});
    test::wireguard(peer.config).persistent_keepalive_seconds = 25;
    control::PeerStatus status;
    status.endpoint = parse_endpoint("[2001:db8::1]:51820");
    status.latest_handshake = Instant{1};
    status.latest_handshake_wall = WallTime{1'700'000'000'000'000'042};
    io::PeerCounters counters;
    counters.rx_bytes = 1372;
    counters.tx_bytes = 1428;

    std::string text;
    append_uapi_peer(text, peer, status, counters, true);
    std::string hex;
    for (const std::uint8_t byte : test::public_key(5).bytes) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
    }
    CHECK(text == "public_key=" + hex + "\npreshared_key=" + std::string(64, '0') +
                      "\nprotocol_version=1\nendpoint=[2001:db8::1]:51820\nlast_handshake_time_sec=1700000000\n"
                      "last_handshake_time_nsec=42\ntx_bytes=1428\nrx_bytes=1372\npersistent_keepalive_interval=25\n"
                      "allowed_ip=10.5.0.0/16\nallowed_ip=fd00::1/128\n");
    CHECK(text.size() <= uapi_room(peer));
}

TEST_CASE("secrets are told to root only") {
    HeldPeer peer;
    peer.config = test::put_peer(5, {});
    test::wireguard(peer.config).preshared_key.secret = test::private_key(0xab).secret.clone();
    HeldListener listener;
    listener.port = 51820;
    listener.settings = ipc::WireguardListener{test::private_key(0xcd)};
    std::string text;
    append_uapi_listener(text, listener, false);
    append_uapi_peer(text, peer, {}, {}, false);
    CHECK(text.find("abab") == std::string::npos);
    CHECK(text.find("cdcd") == std::string::npos);
    CHECK(text.find("private_key") == std::string::npos);
    CHECK(text.find("preshared_key") == std::string::npos);
    append_uapi_listener(text, listener, true);
    append_uapi_peer(text, peer, {}, {}, true);
    CHECK(text.find("abab") != std::string::npos);
    CHECK(text.find("cdcd") != std::string::npos);
}

TEST_CASE("the room that is reserved is always enough") {
    HeldPeer peer;
    peer.config = test::put_peer(5, {});
    test::wireguard(peer.config).persistent_keepalive_seconds = UINT16_MAX;
    for (int i = 0; i < 1000; ++i)
        peer.config.settings.allowed_ips.push_back(*parse_prefix("fd00:1111:2222:3333:4444:5555:6666:7777/128"));
    control::PeerStatus status;
    status.endpoint = Endpoint{*parse_ip("fd00:1111:2222:3333:4444:5555:6666:7777"), UINT16_MAX, 0};
    status.latest_handshake = Instant{1};
    status.latest_handshake_wall = WallTime{INT64_MIN};
    std::string text;
    append_uapi_peer(text, peer, status, {PeerIndex{1}, UINT64_MAX, UINT64_MAX, 0, 0}, true);
    CHECK(text.size() <= uapi_room(peer));
}
