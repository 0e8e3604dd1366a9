#include "base/customer_group.h"

#include <unistd.h>

#include <doctest/doctest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace warren {

namespace {

// A directory that looks like a hierarchy of control groups: the kernel's files are there when a test makes them.
class Hierarchy {
  public:
    Hierarchy() {
        std::string pattern = "/tmp/warren-groups-XXXXXX";
        root_ = ::mkdtemp(pattern.data());
    }
    ~Hierarchy() { std::filesystem::remove_all(root_); }
    Hierarchy(const Hierarchy&) = delete;
    Hierarchy& operator=(const Hierarchy&) = delete;

    [[nodiscard]] CustomerGroups groups() const { return CustomerGroups(root_ + "/warren.slice"); }
    [[nodiscard]] std::string path(const std::string& below) const { return root_ + "/" + below; }
    void put(const std::string& below, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
        std::ofstream(path(below)) << text;
    }
    [[nodiscard]] std::string text(const std::string& below) const {
        std::ifstream in(path(below));
        return {std::istreambuf_iterator<char>(in), {}};
    }

  private:
    std::string root_;
};

}  // namespace

TEST_CASE("a group is made with its leaf, and asks for its controllers on each level") {
    const Hierarchy machine;
    machine.put("cgroup.subtree_control", "");
    const auto leaf = machine.groups().make("acme", 3, "exec");
    REQUIRE(leaf);
    CHECK(*leaf == machine.path("warren.slice/customer-acme/exec"));
    CHECK(std::filesystem::is_directory(*leaf));
    CHECK(machine.text("cgroup.subtree_control").starts_with("+pids"));  // the last that was written over the others
    CHECK(machine.groups().customers() == std::vector<std::string>{"acme"});
    CHECK(machine.groups().make("acme", 3, "exec").value() == *leaf);
}

TEST_CASE("a hierarchy that cannot be written is an error and no crash") {
    const CustomerGroups nowhere("/proc/no-such-place/warren.slice");
    CHECK_FALSE(nowhere.make("acme", 1, "exec"));
    CHECK_FALSE(nowhere.usage("acme"));
    CHECK(nowhere.customers().empty());
    nowhere.tend([](const std::string&) { return std::nullopt; }, [](const std::string&) { return true; });
    CHECK_FALSE(nowhere.can_limit());
}

TEST_CASE("usage is read from the customer's group; without a controller its figure is unknown") {
    const Hierarchy machine;
    CHECK_FALSE(machine.groups().usage("acme"));
    machine.put("warren.slice/customer-acme/cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
    auto usage = machine.groups().usage("acme");
    REQUIRE(usage);
    CHECK(usage->cpu_nanoseconds == 1'500'000);
    CHECK_FALSE(usage->memory);
    CHECK_FALSE(usage->weight);
    machine.put("warren.slice/customer-acme/memory.current", "4096\n");
    machine.put("warren.slice/customer-acme/cpu.weight", "300\n");
    usage = machine.groups().usage("acme");
    REQUIRE(usage);
    CHECK(usage->memory == 4096);
    CHECK(usage->weight == 300);
}

TEST_CASE("weights follow the share, and a group without a customer goes") {
    const Hierarchy machine;
    machine.put("warren.slice/customer-acme/cpu.weight", "100\n");
    std::filesystem::create_directories(machine.path("warren.slice/customer-gone/exec"));
    std::filesystem::create_directories(machine.path("warren.slice/customer-elsewhere/exec"));
    machine.groups().tend(
        [](const std::string& customer) -> std::optional<std::uint32_t> {
            if (customer == "acme") return 5;
            return std::nullopt;
        },
        [](const std::string& customer) { return customer == "gone"; });
    CHECK(machine.text("warren.slice/customer-acme/cpu.weight").starts_with("500"));
    // Another instance serves that one.
    CHECK(machine.groups().customers() == std::vector<std::string>{"acme", "elsewhere"});
}

TEST_CASE("a leaf is limited in memory, without swap, and in processes") {
    const Hierarchy machine;
    machine.put("warren.slice/cgroup.subtree_control", "");
    CHECK_FALSE(machine.groups().can_limit());  // a file of a test takes what is written over it, and no more
    const auto leaf = machine.groups().make("acme", 1, "dns");
    REQUIRE(leaf);
    CHECK_FALSE(CustomerGroups::limit(*leaf, {96, 4}));
    const std::string below = "warren.slice/customer-acme/dns/";
    for (const char* name : {"memory.max", "pids.max"}) machine.put(below + name, "max");
    REQUIRE(CustomerGroups::limit(*leaf, {4096, 4}));
    CHECK(machine.text(below + "memory.max") == "4096");
    CHECK(machine.text(below + "pids.max") == "4ax");
    machine.put(below + "memory.swap.max", "max");
    REQUIRE(CustomerGroups::limit(*leaf, {4096, 4}));
    CHECK(machine.text(below + "memory.swap.max") == "0ax");
}

TEST_CASE("a leaf goes, and its customer's group stays") {
    const Hierarchy machine;
    REQUIRE(machine.groups().make("acme", 1, "dns"));
    machine.groups().remove_leaf("acme", "dns");
    CHECK_FALSE(std::filesystem::exists(machine.path("warren.slice/customer-acme/dns")));
    CHECK(machine.groups().customers() == std::vector<std::string>{"acme"});
}

TEST_CASE("programs move to the new group of a renamed customer, also when two exchange their ids") {
    const Hierarchy machine;
    machine.put("warren.slice/customer-a/exec/cgroup.procs", "11\n0\n");
    machine.put("warren.slice/customer-b/exec/cgroup.procs", "22\n");
    machine.groups().rename({{"a", "b"}, {"b", "a"}});
    // A file keeps what was written last; the kernel's moves a process for each write.
    CHECK(machine.text("warren.slice/customer-b/exec/cgroup.procs").starts_with("11"));
    CHECK(machine.text("warren.slice/customer-a/exec/cgroup.procs").starts_with("22"));
}

}  // namespace warren
