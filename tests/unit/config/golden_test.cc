// golden/WHAT/NAME.toml is checked, and every word about it is compared with golden/WHAT/NAME.expected.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "samples.h"

using namespace warren::config;

namespace {

const std::filesystem::path kGolden = std::filesystem::path(__FILE__).parent_path() / "golden";

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

TEST_CASE("every kind of mistake in warren.toml is reported in these words, in this place") {
    const auto files = inputs("appliance");
    REQUIRE(files.size() > 8);
    for (const auto& input : files) {
        const auto checked = samples::check(read(input), {});
        compare(input, checked, checked.appliance.valid);
    }
}
