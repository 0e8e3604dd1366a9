// What vpnctl says of rates, quotas and what was used.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "ctl/files/usage.h"
#include "ctl/show/limits.h"
#include "ctl/show/text_views.h"
#include "ctl/show/usage_views.h"
#include "tests/unit/ctl/samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

std::vector<UsageRecord> records() {
    UsageRecord acme;
    acme.customer = "acme";
    acme.rx_bytes = 1'024;
    acme.tx_bytes = 2'048;
    acme.quota = 1'000'000;
    UsageRecord graz = acme;
    graz.peer = "branch-graz";
    graz.quota = 2'000;
    UsageRecord other;
    other.customer = "globex";
    return {acme, graz, other};
}

}  // namespace

TEST_CASE("usage has a line for each customer, and for one customer its peers") {
    CHECK(usage_text(202'611, records(), false) ==
          "2026-11 (UTC)\n\n"
          "CUSTOMER  PEER  RECEIVED      SENT     TOTAL       QUOTA        LEFT\n"
          "acme      all   1.00 KiB  2.00 KiB  3.00 KiB  976.56 KiB  973.56 KiB\n"
          "globex    all        0 B       0 B       0 B           -           -\n");
    CHECK(usage_text(202'611, records(), true)
              .find("branch-graz  1.00 KiB  2.00 KiB  3.00 KiB    1.95 KiB         0 B") != std::string::npos);
    CHECK(usage_text(202'611, {}, true) == "2026-11: nothing was counted\n");
}

TEST_CASE("the table for billing is in bytes, and empty where there is no quota") {
    CHECK(usage_csv(202'611, records()) ==
          "month,customer,peer,received_bytes,sent_bytes,total_bytes,quota_bytes,left_bytes,removed\n"
          "2026-11,acme,,1024,2048,3072,1000000,996928,\n"
          "2026-11,acme,branch-graz,1024,2048,3072,2000,0,\n"
          "2026-11,globex,,0,0,0,,,\n");
}

TEST_CASE("a file of which somebody else wrote a part bills nobody for what has no sound name, nor one thing twice") {
    std::string directory = "/tmp/warren-usage-XXXXXX";
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    std::filesystem::create_directory(directory + "/usage");
    std::ofstream file(directory + "/usage/2026-11", std::ios::binary);
    const auto write = [&](const std::string& customer, const std::string& peer, std::uint64_t bytes) {
        UsageRecord record;
        record.customer = customer;
        record.peer = peer;
        record.rx_bytes = bytes;
        std::array<std::uint8_t, UsageRecord::kSize> form{};
        encode(record, form);
        for (const std::uint8_t byte : form) file.put(static_cast<char>(byte));
    };
    write("acme", "", 1);
    write("acme", "graz\n2026-11,globex,,1", 2);
    write("=1+1", "", 3);
    write("\x1b[2J", "", 4);
    write("acme", "=1+1", 5);
    write("acme", "", UINT64_MAX);
    write("globex", "", 7);
    file.close();
    const auto read = read_usage(directory, directory, 202'611, "");
    std::filesystem::remove_all(directory);
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    CHECK((*read)[0].customer == "acme");
    CHECK((*read)[0].rx_bytes == UINT64_MAX);
    CHECK((*read)[0].bytes() == UINT64_MAX);
    CHECK((*read)[1].rx_bytes == 7);
}

TEST_CASE("a customer that is gone is listed beside the one that has its id now") {
    std::vector<UsageRecord> both(2, records()[0]);
    both[1].closed = 1'796'083'200;
    CHECK(usage_text(202'611, both, false).find("acme (removed)") != std::string::npos);
    CHECK(usage_csv(202'611, both).find("996928,2026-12-01") != std::string::npos);
    const Json document = Json::parse(usage_json(202'611, both));
    REQUIRE(document["customers"].size() == 2);
    CHECK(document["customers"][1]["removed_at"] == 1'796'083'200);
}

TEST_CASE("the document of usage has the peers in their customers") {
    const Json document = Json::parse(usage_json(202'611, records()));
    CHECK(document["month"] == "2026-11");
    REQUIRE(document["customers"].size() == 2);
    const Json& acme = document["customers"][0];
    CHECK(acme["id"] == "acme");
    CHECK(acme["bytes"] == 3'072);
    CHECK(acme["left_bytes"] == 996'928);
    CHECK(acme["peers"][0]["name"] == "branch-graz");
    CHECK(acme["peers"][0]["left_bytes"] == 0);
    CHECK(document["customers"][1]["quota_bytes"].is_null());
    CHECK(document["customers"][1]["peers"].empty());
}

TEST_CASE("limits are told where there are some, and what a spent quota leaves") {
    CHECK(limits_text({}, {}) == "-");
    CHECK(limits_text({20'000'000, 1'500'000, 0, 0}, {}) == "up 20 Mbit/s, down 1.5 Mbit/s");
    CHECK(limits_text({0, 0, 50'000'000'000, 0}, {1'024, 1'024, false}) == "2.00 KiB of 50 GB used");
    CHECK(limits_text({0, 0, 1'000, 0}, {1'024, 0, true}) ==
          "1.00 KiB of 1 kB used: nothing passes until the next month");
    CHECK(month_line({0, 0, 1'000, 64'000}, {1'024, 0, true}) ==
          "this month  1.00 KiB of 1 kB used: 64 kbit/s until the next month\n");
    CHECK(month_line({}, {1'024, 1'024, false}) == "this month  2.00 KiB used, no quota\n");
}

TEST_CASE("peers have a column of limits where one has some") {
    Snapshot snapshot = samples::snapshot();
    CHECK(peers_text(snapshot, true).find("LIMITS") == std::string::npos);
    snapshot.customers[0].peers[0].settings.limits.rate_up = 5'000'000;
    const std::string text = peers_text(snapshot, true);
    CHECK(text.find("LIMITS") != std::string::npos);
    CHECK(text.find("up 5 Mbit/s\n") != std::string::npos);
}
