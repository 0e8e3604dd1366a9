// The cost of reading a configuration: writes one of N customers with three peers each to a temporary directory and
// prints, as one JSON document, how long it takes to read it whole, to read it again when one file changed, and what
// the parts of that take.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/clash.h"
#include "config/generation.h"
#include "config/load.h"
#include "config/parse.h"

namespace {

namespace config = warren::config;
namespace fs = std::filesystem;

constexpr int kPeers = 3;
constexpr int kRounds = 5;

// Not a good key, and another one for each number: base64 of 32 bytes.
std::string key_of(unsigned number) {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
    std::string out(42, 'k');
    for (std::size_t i = 1; number > 0; ++i) {
        char& letter = out[i];
        letter = kLetters[number % kLetters.size()];
        number /= static_cast<unsigned>(kLetters.size());
    }
    return out + "A=";
}

std::string customer_text(unsigned customer) {
    std::string out = fmt::format(
        "schema = 1\nname = \"Customer {}\"\n\n[stack]\naddresses = [\"10.0.0.1/24\", \"fd00:42::1/64\"]\n", customer);
    for (unsigned i = 0; i < kPeers; ++i)
        out += fmt::format(
            "\n[[wireguard.peer]]\nname = \"site-{}\"\npublic_key = \"{}\"\n"
            "allowed_ips = [\"10.0.0.{}/32\", \"10.{}.0.0/16\"]\n",
            i, key_of(customer * kPeers + i + 1), i + 2, i + 1);
    return out;
}

void write(const std::string& path, const std::string& text, int mode = 0644) {
    std::ofstream(path) << text;
    fs::permissions(path, static_cast<fs::perms>(mode));
}

void make(const std::string& directory, unsigned customers) {
    fs::create_directories(directory + "/customers");
    fs::create_directories(directory + "/secrets");
    fs::permissions(directory + "/secrets", fs::perms::owner_all);
    write(directory + "/secrets/uplink", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n", 0600);
    write(directory + "/warren.toml", "schema = 1\n\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n");
    for (unsigned i = 0; i < customers; ++i)
        write(fmt::format("{}/customers/c{:05}.toml", directory, i), customer_text(i));
}

struct Took {
    double wall = 0;  // milliseconds
    double processor = 0;
};

double processor_milliseconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

// The round with the median of the wall's clock.
Took timed(const std::function<void()>& work) {
    std::vector<Took> out;
    for (int i = 0; i < kRounds; ++i) {
        const double used = processor_milliseconds();
        const auto begin = std::chrono::steady_clock::now();
        work();
        const auto wall = std::chrono::steady_clock::now() - begin;
        out.push_back({std::chrono::duration<double, std::milli>(wall).count(), processor_milliseconds() - used});
    }
    std::sort(out.begin(), out.end(), [](const Took& a, const Took& b) { return a.wall < b.wall; });
    return out[out.size() / 2];
}

std::string measure(unsigned customers) {
    std::string directory = "/tmp/bench-config-XXXXXX";
    if (::mkdtemp(directory.data()) == nullptr) std::exit(4);
    make(directory, customers);
    config::Loaded loaded = config::load(directory, {.tick = -1'000'000'000'000});
    if (!loaded.appliance_valid || config::has_errors(loaded.diagnostics)) {
        for (const config::Diagnostic& one : loaded.diagnostics) std::cerr << config::format(one) << '\n';
        std::exit(4);
    }
    const config::Generation generation = config::succeed({}, loaded).next;
    std::vector<const config::Customer*> all;
    for (const auto& one : generation.customers) all.push_back(&one->customer);
    const auto again = [&] { return config::load(directory, {.previous = &generation, .tick = 0}); };
    std::string out = fmt::format("  {{ \"customers\": {}", customers);
    const auto add = [&](const char* name, const std::function<void()>& work) {
        const Took took = timed(work);
        out += fmt::format(",\n    \"{}\": {{ \"wall_ms\": {:.1f}, \"cpu_ms\": {:.1f} }}", name, took.wall,
                           took.processor);
    };
    add("parse_one", [&] {
        std::vector<config::Diagnostic> ignored;
        (void)config::parse_customer("x", "c00000", customer_text(0), ignored);
    });
    add("clashes", [&] { (void)config::find_clashes(generation.appliance, all); });
    add("load_whole", [&] { (void)config::load(directory); });
    add("load_unchanged", [&] { (void)again(); });
    write(directory + "/customers/c00000.toml", customer_text(0) + "# changed\n");
    add("load_one_changed", [&] { (void)again(); });
    const config::Loaded changed = again();
    add("succeed", [&] { (void)config::succeed(generation, changed); });
    fs::remove_all(directory);
    return out + " }";
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<unsigned> sizes{1, 1'000, 10'000};
    if (argc > 1) sizes.assign(1, static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)));
    std::cout << "[\n";
    for (std::size_t i = 0; i < sizes.size(); ++i)
        std::cout << measure(sizes[i]) << (i + 1 < sizes.size() ? "," : "") << '\n' << std::flush;
    std::cout << "]\n";
}
