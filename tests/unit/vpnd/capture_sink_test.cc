// The socket of whoever watches packets: it is never waited for, and what has no room is counted.
#include "vpnd/show/capture_sink.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace warren::vpnd::test {
namespace {

struct Pair {
    UniqueFd reader;
    UniqueFd writer;
    Pair() {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
        reader = UniqueFd(ends[0]);
        writer = UniqueFd(ends[1]);
    }
    // What waits, as records; their bytes are not looked at.
    [[nodiscard]] std::vector<ipc::CaptureRecord> read() const {
        std::vector<ipc::CaptureRecord> out;
        std::vector<std::uint8_t> space(std::size_t{256} << 10);
        ssize_t got = 0;
        while ((got = ::recv(reader.get(), space.data(), space.size(), MSG_DONTWAIT)) > 0) {
            const auto record = ipc::decode_capture(Bytes(space).first(static_cast<std::size_t>(got)));
            REQUIRE(record);
            out.push_back(*record);
            out.back().inner = out.back().outer = {};
            out.back().peer = out.back().note = {};
        }
        return out;
    }
};

TEST_CASE("a reader that does not read loses records, and hears the end when it reads again") {
    Pair pair;
    CaptureSink sink(std::move(pair.writer));
    const std::vector<std::uint8_t> packet(1'400, 1);
    io::TapRecord record;
    record.inner = packet;
    std::uint64_t taken = 0;
    while (sink.take(record)) ++taken;  // would not end, or not return, if it waited or were unbounded
    CHECK(taken > 10);
    CHECK(sink.sent() == taken);
    CHECK(sink.lost() == 1);
    sink.lose(5);
    // Whatever is larger than what is left.
    bool was_said = true;
    for (int i = 0; i < 1'000 && was_said; ++i) was_said = sink.say(ipc::CaptureKind::kStarted, "acme");
    CHECK_FALSE(was_said);
    CHECK(pair.read().size() >= taken);
    CHECK(sink.say(ipc::CaptureKind::kEnded, "the customer is gone"));
    const auto told = pair.read();
    REQUIRE(told.size() == 1);
    CHECK(told[0].kind == ipc::CaptureKind::kEnded);
    CHECK(told[0].sent == taken);
    CHECK(told[0].lost == 6);
    pair.reader.reset();
    CHECK(sink.say(ipc::CaptureKind::kEnded, "nobody listens"));
}

}  // namespace
}  // namespace warren::vpnd::test
