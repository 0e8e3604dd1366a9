// Records of packets (ipc/capture.h).
#include "ipc/capture.h"

#include <doctest/doctest.h>

#include <vector>

namespace warren::ipc {
namespace {

using Octets = std::vector<std::uint8_t>;

CaptureRecord full(const Octets& inner, const Octets& outer, const char* remote) {
    CaptureRecord out;
    out.is_outbound = true;
    out.is_drop = true;
    out.form = CaptureForm::kEsp;
    out.at = {1'767'225'600'123'456'789};
    out.session = 0xc0ffee01;
    out.sequence = UINT64_MAX - 1;
    out.remote = *parse_endpoint(remote);
    out.local = *parse_endpoint(out.remote.address.is_v4() ? "198.51.100.1:4500" : "[2001:db8::1]:4500");
    out.traffic_class = 0xb8;
    out.sent = 3;
    out.lost = 4;
    out.inner = inner;
    out.outer = outer;
    out.peer = "graz";
    out.note = "no_endpoint";
    return out;
}

TEST_CASE("a record survives the wire; one that is cut off or has more is refused") {
    const Octets inner{1, 2, 3};
    const Octets outer{4, 5};
    for (const char* remote : {"203.0.113.7:51820", "[2001:db8::7]:51820"}) {
        const CaptureRecord record = full(inner, outer, remote);
        const Octets wire = encode(record);
        const auto decoded = decode_capture(wire);
        REQUIRE(decoded);
        CHECK(decoded->kind == CaptureKind::kPacket);
        CHECK(decoded->is_outbound);
        CHECK(decoded->is_drop);
        CHECK(decoded->form == record.form);
        CHECK(decoded->at == record.at);
        CHECK(decoded->session == record.session);
        CHECK(decoded->sequence == record.sequence);
        CHECK(decoded->remote == record.remote);
        CHECK(decoded->local == record.local);
        CHECK(decoded->traffic_class == record.traffic_class);
        CHECK(decoded->sent == 3);
        CHECK(decoded->lost == 4);
        CHECK(Octets(decoded->inner.begin(), decoded->inner.end()) == inner);
        CHECK(Octets(decoded->outer.begin(), decoded->outer.end()) == outer);
        CHECK(decoded->peer == "graz");
        CHECK(decoded->note == "no_endpoint");
        for (std::size_t size = 0; size < wire.size(); ++size) {
            CAPTURE(size);
            CHECK_FALSE(decode_capture(Bytes(wire).first(size)).has_value());
        }
        Octets longer = wire;
        longer.push_back(0);
        CHECK_FALSE(decode_capture(longer).has_value());
        for (const std::size_t at : {0U, 1U, 2U}) {  // the kind, the flags, the form
            Octets wrong = wire;
            wrong[at] = 0xff;
            CHECK_FALSE(decode_capture(wrong).has_value());
        }
    }
}

TEST_CASE("a filter of the kernel finds the kind and the packet where it looks for them") {
    const Octets inner{0x45, 0, 0, 20};
    const Octets wire = encode(full(inner, {}, "203.0.113.7:51820"));
    CHECK(wire[0] == static_cast<std::uint8_t>(CaptureKind::kPacket));
    CHECK(load_be<std::uint32_t>(wire.data() + 4) == inner.size());
    CHECK(wire[CaptureRecord::kHeaderSize] == 0x45);
}

}  // namespace
}  // namespace warren::ipc
