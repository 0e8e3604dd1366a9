// What the tests of the reconciler share.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "fake_kernel.h"
#include "fake_vpnd.h"
#include "scenery.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

using Lines = std::vector<std::string>;

inline UniqueFd some_descriptor() {
    return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

inline std::string fresh_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "warren-unit-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    return pattern;
}

// A configuration on the disk, a kernel of values, a vpnd that holds the shared listener, and a reconciler between
// them.
class Room {
  public:
    explicit Room(std::size_t max_descriptors = SIZE_MAX) : max_descriptors_(max_descriptors) {
        std::filesystem::create_directories(directory_ + "/customers");
        std::filesystem::create_directories(directory_ + "/secrets");
        ::chmod((directory_ + "/secrets").c_str(), 0700);
        write("secrets/uplink", "QMVQJKVHw0MRfGgZyvFoBEEtCyQkDKvBhJ3mLWdkdGE=\n");
        write("warren.toml", appliance());
    }
    ~Room() { std::filesystem::remove_all(directory_); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    static std::string appliance() {
        return "schema = 1\n[appliance]\nname = \"unit\"\n[wireguard]\nlisten_port = 51820\nprivate_key = { secret = "
               "\"uplink\" }\n";
    }
    void write(const std::string& name, const std::string& text) const {
        const std::string path = directory_ + "/" + name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), 0600);
    }
    // One peer whose key follows from `key`, which is a letter.
    // `more`: tables; `stack`: keys of the table [stack]; `peer`: of the peer's.
    void write_customer(const std::string& id, char key, const std::string& more = "", const std::string& stack = "",
                        const std::string& peer = "") const {
        write("customers/" + id + ".toml",
              "schema = 1\nname = \"" + id + "\"\n" + more + "[stack]\naddresses = [\"10.0.0.1/24\"]\n" + stack +
                  "[[wireguard.peer]]\nname = \"" + id + "-site\"\npublic_key = \"" + std::string(42, key) +
                  "E=\"\nallowed_ips = [\"10.43.0.0/16\"]\n" + peer);
    }
    void remove_customer(const std::string& id) const {
        std::filesystem::remove(directory_ + "/customers/" + id + ".toml");
    }
    void break_customer(const std::string& id) const {
        write("customers/" + id + ".toml", "schema = 1\nadresses = 3\n");
    }

    // A vpnd that an earlier stackd left, with the shared listener and these customers.
    void adopt(const Lines& customers = {}, std::uint32_t workers = 1) {
        Holdings holdings;
        holdings.workers = workers;
        ReturnedListener& shared = holdings.listeners[{}];
        shared.port = 51820;
        shared.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}, {ipc::SocketRole::kControl}};
        for (int i = 0; i < 3; ++i) shared.descriptors.push_back(some_descriptor());
        for (const std::string& id : customers) holdings.tunnels[id].push_back(some_descriptor());
        reconciler.adopt(std::move(holdings));
    }
    Report apply(Reconciler::Removals removals = Reconciler::Removals::kAllowed, Instant now = {},
                 const std::string& removed = "") {
        return reconciler.apply(link, removals, now, removed);
    }
    Lines received() { return vpnd.received(); }
    [[nodiscard]] bool has_stack(const std::string& id) const { return kernel.stacks.contains("warren-" + id); }

    std::size_t max_descriptors_;
    std::string directory_ = fresh_directory();
    FakeKernel kernel;
    FakeVpnd vpnd;
    VpndLink link{vpnd.take_channel()};
    Lines told;  // renames, as statusd is told of them
    std::function<void()> when_told = [] {};
    std::function<void(bool is_in_force)> when_secrets_told = [](bool) {};
    Lines secrets_told;  // how many, as authd's keeper is told of them
    std::set<SecretId> ids_told;
    std::function<Instant()> clock = read_instant_awake;
    std::size_t looks_until_stop = SIZE_MAX;  // how often the reconciler sees no signal
    Reconciler reconciler{
        kernel,
        {.config_directory = directory_,
         .run_dir = kTestRunDir,
         .should_stop =
             [this] {
                 if (looks_until_stop == 0) return true;
                 --looks_until_stop;
                 return false;
             },
         .max_descriptors = max_descriptors_,
         .clock = [this] { return clock(); },
         .tell_renames =
             [this](std::uint64_t generation, const std::vector<Rename>& renames) {
                 when_told();
                 for (const Rename& rename : renames)
                     told.push_back(std::to_string(generation) + ": " + rename.from + " to " + rename.to);
             },
         .uapi_directory = directory_ + "/uapi",
         .tell_secrets =
             [this](VpndLink&, const config::Generation& generation, bool is_in_force) {
                 std::set<SecretId> ids;
                 for_each_secret(generation,
                                 [&](const AuthSecret& secret) { ids.insert(reconciler.numbers().of(secret)); });
                 ids_told.merge(std::set<SecretId>(ids));
                 secrets_told.push_back(std::to_string(ids.size()) + (is_in_force ? " in force" : " before"));
                 when_secrets_told(is_in_force);
             }}};
};

// doctest prints no vectors.
inline std::string joined(const Lines& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

// Whether a line begins so.
inline bool contains(const Lines& lines, const std::string& begin) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); });
}

inline bool mentions(const Report& report, const std::string& customer, const std::string& text) {
    for (const ipc::ControlText& each : report.texts) {
        if (each.customer == customer && each.text.find(text) != std::string::npos) return true;
    }
    return report.summary.find(text) != std::string::npos;
}

}  // namespace warren::stacks
