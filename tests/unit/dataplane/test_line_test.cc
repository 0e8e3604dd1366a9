// One direction of a test link, under simulated time.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "vpnd/turns/test_line.h"

using namespace warren;
using namespace warren::dataplane;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Instant kBegin{1'000'000'000'000};

// A line, its time, and the packets that left it.
struct Bench {
    explicit Bench(const LineSettings& settings, std::uint64_t seed = 7) : line(seed) { line.set(settings); }

    TestLine::Fate push(std::uint32_t number, std::size_t size = 1'000) {
        TestLine::Packet packet{PeerIndex{number}, std::vector<std::uint8_t>(size), size};
        return line.push(now, std::move(packet), room);
    }
    // Until the line is empty, at exactly the time that it says.
    void drain() {
        while (!line.empty()) {
            now = std::max(now, line.next_due());
            while (auto packet = line.pop(now, room)) {
                numbers.push_back(packet->peer.value);
                times.push_back(now);
            }
        }
    }

    TestLine line;
    HeldPackets held;
    HeldPackets all;
    LineRoom room{held, all};
    Instant now = kBegin;
    std::vector<std::uint32_t> numbers;
    std::vector<Instant> times;
};

constexpr std::uint32_t percent(double part) {
    return static_cast<std::uint32_t>(part * 10'000);
}

}  // namespace

TEST_CASE("a line without jitter delays each packet by exactly its delay") {
    Bench bench({.delay = milliseconds(50)});
    for (std::uint32_t i = 0; i < 10; ++i) {
        CHECK(bench.push(i) == TestLine::Fate::kHeld);
        CHECK(bench.line.pop(bench.now + milliseconds(49), bench.room) == std::nullopt);
        const Instant sent = bench.now;
        bench.drain();
        CHECK(bench.times.back() - sent == milliseconds(50));
    }
    CHECK(bench.line.next_due() == kNever);
    CHECK(bench.held.packets == 0);
    CHECK(bench.held.bytes == 0);
    CHECK(bench.all.bytes == 0);
}

TEST_CASE("delays with jitter are spread over the whole range, and evenly") {
    Bench bench({.delay = milliseconds(50), .jitter = milliseconds(20)});
    std::vector<double> delays;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const Instant sent = bench.now;
        (void)bench.push(i);
        bench.drain();
        delays.push_back(std::chrono::duration<double, std::milli>(bench.times.back() - sent).count());
    }
    const auto [least, most] = std::minmax_element(delays.begin(), delays.end());
    CHECK(*least >= 30.0);
    CHECK(*least < 30.5);
    CHECK(*most <= 70.0);
    CHECK(*most > 69.5);
    double sum = 0;
    for (const double delay : delays) sum += delay;
    CHECK(std::abs(sum / 10'000 - 50.0) < 0.5);  // four deviations of the mean
    const auto below = std::count_if(delays.begin(), delays.end(), [](double delay) { return delay < 40.0; });
    CHECK(below > 2'300);
    CHECK(below < 2'700);
}

TEST_CASE("the part that is lost or doubled is the one that was asked for") {
    Bench bench({.loss = percent(10), .duplicate = percent(5)});
    std::uint32_t lost = 0;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        if (bench.push(i) == TestLine::Fate::kLost) ++lost;
        bench.drain();
    }
    CHECK(lost > 880);  // four deviations
    CHECK(lost < 1'120);
    const auto doubled = bench.numbers.size() - (10'000 - lost);
    CHECK(doubled > 365);
    CHECK(doubled < 535);
    CHECK(std::is_sorted(bench.numbers.begin(), bench.numbers.end()));
}

TEST_CASE("a line that loses everything or nothing does exactly that") {
    Bench all({.loss = LineSettings::kWhole});
    Bench none({.delay = milliseconds(1)});
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        CHECK(all.push(i) == TestLine::Fate::kLost);
        CHECK(none.push(i) == TestLine::Fate::kHeld);
    }
    none.drain();
    CHECK(none.numbers.size() == 1'000);
}

TEST_CASE("packets stay in order whatever their jitter, and only those that overtake do not") {
    Bench steady({.delay = milliseconds(50), .jitter = milliseconds(50)});
    Bench bench({.delay = milliseconds(50), .reorder = percent(10)});
    for (std::uint32_t i = 0; i < 5'000; ++i) {
        for (Bench* const one : {&steady, &bench}) {
            (void)one->push(i, 100);
            one->now = one->now + milliseconds(1);
            while (auto packet = one->line.pop(one->now, one->room)) one->numbers.push_back(packet->peer.value);
        }
    }
    steady.drain();
    bench.drain();
    CHECK(steady.numbers.size() == 5'000);
    CHECK(std::is_sorted(steady.numbers.begin(), steady.numbers.end()));
    CHECK(bench.numbers.size() == 5'000);
    std::size_t overtaken = 0;
    for (std::size_t i = 1; i < bench.numbers.size(); ++i) {
        if (bench.numbers[i] < bench.numbers[i - 1]) ++overtaken;
    }
    CHECK(overtaken > 350);  // those that overtake in a row count once
    CHECK(overtaken < 550);
}

TEST_CASE("a rate lets so much through, and what would wait longer than its queue is dropped") {
    Bench bench({.delay = milliseconds(30), .rate = 8'000'000});  // 1,000 bytes in a millisecond
    std::uint32_t full = 0;
    for (std::uint32_t i = 0; i < 500; ++i) {
        if (bench.push(i) == TestLine::Fate::kQueueFull) ++full;
    }
    CHECK(full == 500 - 201);
    const Instant sent = bench.now;
    bench.drain();
    REQUIRE(bench.times.size() == 201);
    for (std::size_t i = 0; i < bench.times.size(); ++i)
        CHECK(bench.times[i] - sent == milliseconds(31 + static_cast<int>(i)));
}

TEST_CASE("a line holds its part, all lines no more than all may, and those that flood leave some to others") {
    Bench bench({.delay = seconds(10)});
    std::size_t held = 0;
    while (bench.push(0, 1'400) == TestLine::Fate::kHeld) ++held;
    CHECK(bench.held.packets == held);
    CHECK(bench.held.bytes <= LineRoom::kMostOfLine.bytes);
    CHECK(bench.held.bytes + 2'000 > LineRoom::kMostOfLine.bytes);
    CHECK(bench.push(0, 1'400) == TestLine::Fate::kQueueFull);

    Bench small({.delay = seconds(10)});
    held = 0;
    while (small.push(0, 40) == TestLine::Fate::kHeld) ++held;
    CHECK(held == LineRoom::kMostOfLine.packets);

    // Four customers flood both ways.
    HeldPackets all;
    std::vector<TestLine> lines;
    const auto flood = [&all, &lines](std::size_t packets, HeldPackets& its) {
        lines.emplace_back(lines.size()).set({.delay = seconds(10)});
        std::size_t pushed = 0;
        const TestLine::Packet packet{PeerIndex{0}, std::vector<std::uint8_t>(1'400), 1'400};
        while (pushed < packets && lines.back().push(kBegin, packet, {its, all}) == TestLine::Fate::kHeld) ++pushed;
        return pushed;
    };
    for (std::size_t i = 0; i < 8; ++i) {
        HeldPackets its;
        CHECK(flood(SIZE_MAX, its) > 1'000);
    }
    HeldPackets fifth;
    CHECK(flood(100, fifth) == 100);
    // However many there are, all of them have no more than there is.
    for (std::size_t i = 0; i < 100; ++i) {
        HeldPackets its;
        (void)flood(SIZE_MAX, its);
    }
    CHECK(all.bytes <= LineRoom::kMostInAll.bytes);
    CHECK(all.packets <= LineRoom::kMostInAll.packets);
}

TEST_CASE("other settings bring what is on the line at once, in order, and lose nothing") {
    Bench bench({.delay = seconds(5), .jitter = seconds(5), .reorder = percent(20), .duplicate = percent(20)});
    for (std::uint32_t i = 0; i < 1'000; ++i) (void)bench.push(i);
    const std::size_t held = bench.held.packets;
    Bench same({.delay = seconds(5), .jitter = seconds(5), .reorder = percent(20), .duplicate = percent(20)});
    for (std::uint32_t i = 0; i < 1'000; ++i) (void)same.push(i);
    same.drain();

    bench.line.set(bench.line.settings());  // the same: nothing changes
    CHECK(bench.line.next_due() >= kBegin);
    bench.line.set({.delay = milliseconds(1)});
    (void)bench.push(9'999);
    while (auto packet = bench.line.pop(bench.now, bench.room)) bench.numbers.push_back(packet->peer.value);
    CHECK(bench.numbers.size() == held);
    CHECK(bench.numbers == same.numbers);
    bench.drain();
    CHECK(bench.numbers.back() == 9'999);
    CHECK(bench.times.back() - kBegin == milliseconds(1));
    CHECK(bench.held.bytes == 0);
}

TEST_CASE("what is forgotten is counted, and gives its memory back") {
    Bench bench({.delay = seconds(5)});
    for (std::uint32_t i = 0; i < 100; ++i) (void)bench.push(i);
    CHECK(bench.line.clear(bench.room) == 100);
    CHECK(bench.line.next_due() == kNever);
    CHECK(bench.held.packets == 0);
    CHECK(bench.held.bytes == 0);
    CHECK(bench.all.packets == 0);
    CHECK(bench.all.bytes == 0);
}

TEST_CASE("the same seed gives the same line, another seed another one") {
    const LineSettings settings{.delay = milliseconds(9), .jitter = milliseconds(9), .loss = percent(30)};
    std::vector<std::vector<std::uint32_t>> seen;
    for (const std::uint64_t seed : {1U, 1U, 2U}) {
        Bench bench(settings, seed);
        for (std::uint32_t i = 0; i < 100; ++i) (void)bench.push(i);
        bench.drain();
        seen.push_back(bench.numbers);
    }
    CHECK(seen[0] == seen[1]);
    CHECK(seen[0] != seen[2]);
}
