// What capture writes, and which packets it takes.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "ctl/ask/capture_filter.h"
#include "ctl/diagnosis/imagined.h"
#include "ctl/show/pcapng.h"

namespace warren::ctl {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets packet(const char* from, const char* to, std::uint8_t protocol, std::uint16_t port = 443) {
    return diagnosis::bytes_of({*parse_ip(from), *parse_ip(to), protocol, 40'000, port});
}

ipc::CaptureRecord record_of(const Octets& inner, const Octets& outer) {
    ipc::CaptureRecord out;
    out.form = ipc::CaptureForm::kWireguard;
    out.at = {1'767'225'600'123'456'789};
    out.session = 0x01020304;
    out.sequence = 9;
    out.remote = *parse_endpoint("203.0.113.7:40000");
    out.local = *parse_endpoint("198.51.100.1:51820");
    out.inner = inner;
    out.outer = outer;
    out.peer = "graz";
    return out;
}

std::uint32_t word_at(const Octets& bytes, std::size_t at) {
    return load_le<std::uint32_t>(bytes.data() + at);
}

// The types of the blocks, whose lengths must fit each other.
std::vector<std::uint32_t> blocks_in(const Octets& file) {
    std::vector<std::uint32_t> out;
    for (std::size_t at = 0; at < file.size();) {
        REQUIRE(at + 12 <= file.size());
        const std::uint32_t length = word_at(file, at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(at + length <= file.size());
        CHECK(word_at(file, at + length - 4) == length);
        out.push_back(word_at(file, at));
        at += length;
    }
    return out;
}

bool has_text(const Octets& bytes, std::string_view text) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(text) !=
           std::string_view::npos;
}

TEST_CASE("a file begins with its section and two interfaces; a pair is two packets with one comment") {
    const Octets begin = PcapngWriter::begin("acme", "vpnctl 1");
    CHECK(blocks_in(begin) == std::vector<std::uint32_t>{0x0a0d0d0a, 1, 1});
    const Octets inner = packet("10.0.0.2", "10.0.0.1", diagnosis::kTcp);
    const Octets outer(80, 7);
    PcapngWriter writer(CaptureParts::kBoth);
    const Octets blocks = writer.packets_of(record_of(inner, outer));
    CHECK(blocks_in(blocks) == std::vector<std::uint32_t>{6, 6});
    CHECK(word_at(blocks, 8) == 1);  // inbound: first the datagram
    CHECK(word_at(blocks, 20) == 16 + 20 + 8 + outer.size());
    const std::uint64_t at = (std::uint64_t{word_at(blocks, 12)} << 32) | word_at(blocks, 16);
    CHECK(at == 1'767'225'600'123'456'789);
    const std::string comment = "1 inbound, peer graz, wireguard receiver 0x01020304 counter 9";
    CHECK(comment_of(record_of(inner, outer), 1) == comment);
    CHECK(has_text(blocks, comment));
    ipc::CaptureRecord dropped = record_of(inner, {});
    dropped.is_outbound = true;
    dropped.is_drop = true;
    dropped.note = "no_endpoint";
    const Octets second = writer.packets_of(dropped);
    CHECK(blocks_in(second) == std::vector<std::uint32_t>{6});
    CHECK(word_at(second, 8) == 0);
    CHECK(has_text(second, "2 outbound, peer graz, wireguard receiver 0x01020304 counter 9; dropped: no_endpoint"));
    CHECK(PcapngWriter(CaptureParts::kOuter).packets_of(dropped).empty());
    CHECK(blocks_in(PcapngWriter(CaptureParts::kInner).packets_of(record_of(inner, outer))).size() == 1);
}

TEST_CASE("the outer packet has right checksums") {
    const Octets outer(33, 0xab);
    ipc::CaptureRecord record = record_of({}, outer);
    Octets made = outer_packet_of(record);
    const auto sum = [](Bytes bytes, std::uint32_t out = 0) {
        for (std::size_t i = 0; i < bytes.size(); i += 2)
            out += static_cast<std::uint32_t>(bytes[i] << 8) | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
        while ((out >> 16) != 0) out = (out & 0xffffU) + (out >> 16);
        return out;
    };
    CHECK(sum(Bytes(made).first(20)) == 0xffff);
    CHECK(load_be<std::uint16_t>(made.data() + 20) == 40'000);
    record.remote = *parse_endpoint("[2001:db8::7]:40000");
    record.local = *parse_endpoint("[2001:db8::1]:51820");
    made = outer_packet_of(record);
    CHECK(sum(Bytes(made).subspan(40),
              sum(Bytes(made).subspan(8, 32), static_cast<std::uint32_t>(made.size() - 40) + 17)) == 0xffff);
}

TEST_CASE("a filter is tcpdump's; a wrong one is refused with its reason") {
    const auto filter = CaptureFilter::compile("tcp port 443 and host 10.0.0.2");
    REQUIRE(filter);
    CHECK(filter->matches(packet("10.0.0.2", "10.0.0.1", diagnosis::kTcp)));
    CHECK_FALSE(filter->matches(packet("10.0.0.3", "10.0.0.1", diagnosis::kTcp)));
    CHECK_FALSE(filter->matches(packet("10.0.0.2", "10.0.0.1", diagnosis::kTcp, 80)));
    CHECK(CaptureFilter::compile("ip6")->matches(packet("fd00::2", "fd00::1", diagnosis::kUdp)));
    const auto wrong = CaptureFilter::compile("tcp prt 443");
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().what.find("tcp prt 443") != std::string::npos);
}

// What of these records comes through a socket with the program.
std::vector<std::size_t> passed(const std::vector<sock_filter>& program, const std::vector<Octets>& records) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()) == 0);
    const UniqueFd ours(ends[0]);
    const UniqueFd theirs(ends[1]);
    REQUIRE(attach_filter(ours.get(), program));
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < records.size(); ++i) {
        CHECK(::send(theirs.get(), records[i].data(), records[i].size(), 0) == static_cast<ssize_t>(records[i].size()));
        Octets space(100'000);
        const ssize_t got = ::recv(ours.get(), space.data(), space.size(), 0);
        if (got < 0) continue;
        CHECK(static_cast<std::size_t>(got) == records[i].size());  // whole
        out.push_back(i);
    }
    return out;
}

TEST_CASE("the kernel leaves out what a filter does not match, and never a record that it matches") {
    std::vector<Octets> packets;
    for (const std::uint8_t protocol : {diagnosis::kTcp, diagnosis::kUdp}) {
        packets.push_back(packet("10.0.0.2", "10.0.0.1", protocol));
        packets.push_back(packet("10.0.0.3", "10.0.0.1", protocol, 80));
        packets.push_back(packet("fd00::2", "fd00::1", protocol));
    }
    packets.push_back(packet("10.0.0.2", "10.0.0.1", diagnosis::kIcmp));
    std::vector<Octets> records;
    for (const Octets& one : packets) records.push_back(encode(record_of(one, Octets(60, 1))));
    records.push_back(encode(record_of({}, Octets(60, 1))));  // nothing inside
    ipc::CaptureRecord end;
    end.kind = ipc::CaptureKind::kEnded;
    records.push_back(encode(end));
    for (const char* expression : {"tcp port 443", "host 10.0.0.2", "not tcp", "ip6 and udp", "icmp", "less 60",
                                   "greater 45", "ip[8] = 64", "portrange 1-100", "net 10.0.0.0/24 and not port 443"}) {
        CAPTURE(expression);
        const auto filter = CaptureFilter::compile(expression);
        REQUIRE(filter);
        const auto program = filter->for_records();
        REQUIRE(program);
        std::vector<std::size_t> wanted;
        for (std::size_t i = 0; i < packets.size(); ++i)
            if (filter->matches(packets[i])) wanted.push_back(i);
        wanted.push_back(records.size() - 1);  // what is no packet always passes
        CHECK(passed(*program, records) == wanted);
    }
    CHECK(passed(CaptureFilter::no_packets(), records) == std::vector<std::size_t>{records.size() - 1});
}

}  // namespace
}  // namespace warren::ctl
