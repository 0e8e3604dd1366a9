// Any bytes as an inner packet, and as a TUN's packet with its offload header: checked, answered with ICMP, split.
#include <vector>

#include "base/check.h"
#include "vpnd/dataplane/icmp.h"
#include "vpnd/packet/segment.h"

namespace {

using namespace warren;
using namespace warren::dataplane;

const CustomerView& customer() {
    static const CustomerView view = [] {
        CustomerView out;
        out.addresses = {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00::1/64")};
        return out;
    }();
    return view;
}

void check_inner(std::vector<std::uint8_t> bytes) {
    const auto inner = InnerPacket::parse(bytes);
    if (!inner) return;
    WARREN_CHECK(inner->bytes().size() <= bytes.size());
    WARREN_CHECK(inner->header_size() <= inner->bytes().size());
    (void)is_martian_source(inner->source());
    for (const IcmpError error : {IcmpError::kNoPeer, IcmpError::kTooBig}) {
        IcmpPacket out;
        if (!write_icmp_error(error, *inner, customer(), 1'280, out)) continue;
        std::vector<std::uint8_t> answer(out.bytes().begin(), out.bytes().end());
        const auto parsed = InnerPacket::parse(answer);
        WARREN_CHECK(parsed.has_value());
        WARREN_CHECK(parsed->bytes().size() == out.size);
        WARREN_CHECK(parsed->destination() == inner->source());
        // An ICMP error never causes another error.
        WARREN_CHECK(!write_icmp_error(error, *parsed, customer(), 1'280, out));
    }
    for (const Ecn ecn : {Ecn::kNotEct, Ecn::kCe}) {
        inner->set_ecn(ecn);
        WARREN_CHECK(ecn_of(inner->traffic_class()) == ecn);
    }
}

void check_super_packet(std::vector<std::uint8_t> bytes) {
    const auto packet = SuperPacket::parse(bytes);
    if (!packet) return;
    std::size_t total = 0;
    for (std::size_t i = 0; i < packet->count(); ++i) {
        std::vector<std::uint8_t> segment(packet->size_of(i));
        WARREN_CHECK(segment.size() <= packet->largest());
        packet->write(i, segment.data());
        WARREN_CHECK(InnerPacket::parse(segment).has_value());
        total += segment.size();
    }
    WARREN_CHECK(total >= packet->inner().bytes().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    check_inner({data, data + size});
    check_super_packet({data, data + size});
    return 0;
}
