// A configuration in a directory of its own, for the tests of commands that change customers' files.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "samples.h"

namespace warren::ctl::samples {

inline const std::string kKey = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
inline const std::string kOther = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
inline const std::string kServer = "cFEPk3wuqPzDmKPFfHnCHHhYXTHGCWjKSvcfFBKQ3Xs=";

inline const std::string kAcme = R"(schema = 1
name = "Acme"  # not GmbH

[stack]
addresses = ["10.0.0.1/24"]

# the office
[[wireguard.peer]]
name        = "graz"
public_key  = ")" + kKey + R"("
allowed_ips = ["10.43.0.0/16"]
)";

// Without daemons; gone at the end.
class Config {
  public:
    Config() {
        std::string path = (std::filesystem::temp_directory_path() / "warren-change-XXXXXX").string();
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        directory = path;
        std::filesystem::create_directories(directory + "/customers");
        put("warren.toml",
            "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\nendpoint = \"vpn.example.net:51820\"\n");
        REQUIRE(ensure_directory(directory + "/secrets", 0700).has_value());
        REQUIRE(create_file(directory + "/secrets/uplink", kServer + "\n").has_value());
        put("customers/acme.toml", kAcme);
    }
    ~Config() {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;

    void put(const std::string& name, const std::string& text) const { std::ofstream(directory + "/" + name) << text; }
    [[nodiscard]] std::string text(const std::string& name = "customers/acme.toml") const {
        return read_text(directory + "/" + name).value_or("(unreadable)");
    }
    [[nodiscard]] Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--config", directory, "--run-dir", directory + "/run"});
        return vpnctl(arguments);
    }
    // Of the commands that would apply.
    [[nodiscard]] Ran write(std::vector<std::string> arguments) const {
        arguments.emplace_back("--no-apply");
        return run(std::move(arguments));
    }
    // All files with their texts.
    [[nodiscard]] std::map<std::string, std::string> all() const {
        std::map<std::string, std::string> out;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
            if (entry.is_regular_file()) out[entry.path()] = read_text(entry.path()).value_or("");
        }
        return out;
    }
    [[nodiscard]] bool valid() const {
        const auto loaded = config::load(directory);
        return loaded.appliance_valid && !config::has_errors(loaded.diagnostics);
    }

    std::string directory;
};

}  // namespace warren::ctl::samples
