#include "base/lpm.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

namespace warren {
namespace {

using Table = Lpm<int>;

Table table_of(std::initializer_list<std::pair<const char*, int>> rows) {
    std::vector<Table::Entry> entries;
    for (const auto& [text, value] : rows) entries.push_back({*parse_prefix(text), value});
    return Table(std::move(entries));
}

int find(const Table& table, const char* address) {
    const int* found = table.find(*parse_ip(address));
    return found == nullptr ? -1 : *found;
}

// What longest-prefix match means, said as simply as possible.
const int* linear(const std::vector<Table::Entry>& entries, const IpAddress& address) {
    const Table::Entry* best = nullptr;
    for (const Table::Entry& entry : entries) {
        if (entry.prefix.contains(address) && (best == nullptr || entry.prefix.length >= best->prefix.length))
            best = &entry;
    }
    return best == nullptr ? nullptr : &best->value;
}

IpAddress random_address(std::mt19937& random, Family family) {
    IpAddress out{family, {}};
    for (std::size_t i = 0; i < out.bits() / 8; ++i) {
        // Few distinct values, so that prefixes nest and share edges.
        constexpr std::array<std::uint8_t, 6> kOctets{0x00, 0xff, 0x80, 0x7f, 0x0a, 0x01};
        out.octets[i] = kOctets[random() % kOctets.size()];
    }
    return out;
}

// Addresses where an off-by-one would show: both ends of a prefix and their neighbours outside it.
std::vector<IpAddress> edges(const Prefix& prefix) {
    const auto add = [](IpAddress at, int delta) {
        for (std::size_t i = at.bits() / 8; i-- > 0;) {
            const int sum = at.octets[i] + delta;
            at.octets[i] = static_cast<std::uint8_t>(sum);
            if (sum >= 0 && sum <= 255) break;
        }
        return at;
    };
    const IpAddress first = prefix.network().address;
    IpAddress last = first;
    for (unsigned bit = prefix.length; bit < first.bits(); ++bit) {
        last.octets[bit / 8] = static_cast<std::uint8_t>(last.octets[bit / 8] | (0x80U >> (bit % 8)));
    }
    return {first, last, add(first, -1), add(last, 1)};
}

TEST_CASE("A2: the longest prefix wins, IPv4 and IPv6 apart") {
    const Table table = table_of({{"0.0.0.0/0", 1},
                                  {"10.0.0.0/8", 2},
                                  {"10.1.0.0/16", 3},
                                  {"10.1.2.3/32", 4},
                                  {"fd00::/8", 5},
                                  {"fd00::1/128", 6}});
    CHECK(find(table, "192.0.2.1") == 1);
    CHECK(find(table, "10.255.255.255") == 2);
    CHECK(find(table, "10.1.255.255") == 3);
    CHECK(find(table, "10.1.2.3") == 4);
    CHECK(find(table, "10.1.2.4") == 3);
    CHECK(find(table, "fd00::2") == 5);
    CHECK(find(table, "fd00::1") == 6);
    CHECK(find(table, "fe00::1") == -1);
    CHECK(table.size() == 6);
}

TEST_CASE("A2: host bits are masked") {
    const Table table = table_of({{"10.1.2.3/8", 1}, {"fd00::ffff/16", 2}});
    CHECK(find(table, "10.200.0.1") == 1);
    CHECK(find(table, "fd00:1::") == 2);
}

TEST_CASE("A2: a later entry of the same prefix replaces the earlier") {
    const Table table = table_of({{"10.0.0.0/8", 1}, {"10.0.0.0/24", 2}, {"10.9.9.9/8", 3}});
    CHECK(find(table, "10.5.0.0") == 3);
    CHECK(find(table, "10.0.0.9") == 2);
    CHECK(find(table, "10.0.1.0") == 3);
    CHECK(table.size() == 2);
}

TEST_CASE("A2: the whole address space and its ends") {
    const Table all = table_of({{"0.0.0.0/0", 1}, {"::/0", 2}, {"255.255.255.255/32", 3}, {"0.0.0.0/32", 4}});
    CHECK(find(all, "0.0.0.0") == 4);
    CHECK(find(all, "0.0.0.1") == 1);
    CHECK(find(all, "255.255.255.254") == 1);
    CHECK(find(all, "255.255.255.255") == 3);
    CHECK(find(all, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == 2);
    CHECK(find(Table(), "10.0.0.1") == -1);
    CHECK(find(table_of({{"::/0", 2}}), "10.0.0.1") == -1);
}

TEST_CASE("A4: 129 nested prefixes are found at every depth") {
    std::vector<Table::Entry> entries;
    IpAddress ones{Family::kV6, {}};
    ones.octets.fill(0xff);
    for (unsigned length = 0; length <= 128; ++length) {
        entries.push_back({{ones.masked(length), static_cast<std::uint8_t>(length)}, static_cast<int>(length)});
    }
    const Table table(entries);
    CHECK(*table.find(ones) == 128);
    for (unsigned bit = 0; bit < 128; ++bit) {
        IpAddress probe = ones;
        probe.octets[bit / 8] = static_cast<std::uint8_t>(probe.octets[bit / 8] ^ (0x80U >> (bit % 8)));
        CHECK(*table.find(probe) == static_cast<int>(bit));
    }
}

TEST_CASE("A2: agrees with a linear scan on random prefixes") {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        std::vector<Table::Entry> entries;
        for (auto n = random() % 120; n-- > 0;) {
            const Family family = random() % 2 == 0 ? Family::kV4 : Family::kV6;
            const IpAddress address = random_address(random, family);
            entries.push_back({{address, static_cast<std::uint8_t>(random() % (address.bits() + 1))},
                               static_cast<int>(random() % 1000)});
        }
        const Table table(entries);
        std::vector<IpAddress> probes;
        for (const Table::Entry& entry : entries) {
            for (const IpAddress& edge : edges(entry.prefix)) probes.push_back(edge);
        }
        for (int n = 0; n < 200; ++n) probes.push_back(random_address(random, n % 2 == 0 ? Family::kV4 : Family::kV6));
        std::set<Prefix> distinct;
        for (const Table::Entry& entry : entries) distinct.insert(entry.prefix.network());
        CHECK(table.size() == distinct.size());
        for (const IpAddress& probe : probes) {
            const int* expected = linear(entries, probe);
            const int* found = table.find(probe);
            REQUIRE_MESSAGE((expected == nullptr) == (found == nullptr), to_string(probe));
            if (expected != nullptr) REQUIRE_MESSAGE(*expected == *found, to_string(probe));
        }
    }
}

}  // namespace
}  // namespace warren
