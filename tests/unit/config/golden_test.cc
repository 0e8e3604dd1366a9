// golden/WHAT/NAME.toml is checked, and every word about it is compared with golden/WHAT/NAME.expected. With
// WARREN_WRITE_GOLDEN=1 in the environment the latter is written instead: read the difference before it is committed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "samples.h"

using namespace warren::config;

namespace {

const std::filesystem::path kGolden = WARREN_SOURCE_DIR "/tests/unit/config/golden";

std::string read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::set<std::filesystem::path> inputs(const char* what) {
    std::set<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(kGolden / what)) {
        if (entry.path().extension() == ".toml") out.insert(entry.path());
    }
    return out;
}

void compare(const std::filesystem::path& input, const samples::Checked& checked, bool valid) {
    CAPTURE(input.stem().string());
    const std::filesystem::path expected = std::filesystem::path(input).replace_extension(".expected");
    if (std::getenv("WARREN_WRITE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << checked.text();
    REQUIRE(std::filesystem::exists(expected));
    CHECK(checked.text() == read(expected));
    CHECK(valid == !has_errors(checked.diagnostics));
    CHECK(input.stem().string().starts_with("fine_") == checked.diagnostics.empty());
}

}  // namespace

TEST_CASE("every kind of mistake in a customer's file is reported in these words, in this place") {
    const auto files = inputs("customer");
    REQUIRE(files.size() > 80);
    for (const auto& input : files) {
        const auto checked = samples::check(samples::kApplianceText, {{"acme", read(input)}});
        REQUIRE(checked.customers.size() == 1);
        compare(input, checked, checked.customers[0].valid);
        CHECK(checked.appliance.valid);
    }
}

TEST_CASE("every kind of mistake in a customer's [ipsec] is reported in these words, in this place") {
    const auto files = inputs("ipsec");
    REQUIRE(files.size() > 60);
    for (const auto& input : files) {
        const auto checked = samples::check(samples::kIpsecApplianceText, {{"acme", read(input)}});
        REQUIRE(checked.customers.size() == 1);
        compare(input, checked, checked.customers[0].valid);
        CHECK(checked.appliance.valid);
    }
}

// One file holds several: each begins with a line "==== NAME".
TEST_CASE("what files cannot have together is reported in these words, in these places") {
    const auto files = inputs("together");
    REQUIRE(files.size() > 15);
    for (const auto& input : files) {
        CAPTURE(input.stem().string());
        std::string appliance;
        std::vector<samples::NamedText> customers;
        const std::string text = read(input);
        constexpr std::string_view kMark = "==== ";
        for (auto at = text.find(kMark); at != std::string::npos;) {
            const auto line = text.find('\n', at);
            const auto next = text.find(std::string("\n") + std::string(kMark), line);
            const std::string name = text.substr(at + kMark.size(), line - at - kMark.size());
            const std::string part = text.substr(line + 1, next == std::string::npos ? next : next - line);
            name == "warren" ? void(appliance = part) : void(customers.push_back({name, part}));
            at = next == std::string::npos ? next : next + 1;
        }
        REQUIRE(!appliance.empty());
        const auto checked = samples::check(appliance, customers);
        compare(input, checked,
                checked.appliance.valid && std::all_of(checked.customers.begin(), checked.customers.end(),
                                                       [](const auto& one) { return one.valid; }));
    }
}

TEST_CASE("every kind of mistake in warren.toml is reported in these words, in this place") {
    const auto files = inputs("appliance");
    REQUIRE(files.size() > 8);
    for (const auto& input : files) {
        const auto checked = samples::check(read(input), {});
        compare(input, checked, checked.appliance.valid);
    }
}
