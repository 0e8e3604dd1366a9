// The table of services with processes that do nothing, in no namespace.
#include "stacks/services/service_table.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ipc/service_facts.h"
#include "scenery.h"
#include "stacks/services/confine.h"

namespace warren::stacks {
namespace {

using std::chrono::milliseconds;

pid_t spawn(const char* program, const char* argument) {
    std::string first = program;
    std::string second = argument;
    char* const arguments[] = {first.data(), second.data(), nullptr};
    pid_t pid = 0;
    REQUIRE(::posix_spawn(&pid, program, nullptr, nullptr, arguments, environ) == 0);
    return pid;
}

struct Table {
    std::string run_dir = std::filesystem::temp_directory_path() / ("warren-services-" + std::to_string(::getpid()));
    std::vector<Confinement> started;  // no checks
    std::string accepts = "/bin/true";
    std::string program = "/bin/sleep";
    std::string installed = "/usr/sbin/";
    std::uint64_t stack = 7;
    bool dies_when_noted = false;
    std::string groups;
    bool has_launcher = false;
    bool is_late = false;  // the launcher
    unsigned tries = 0;
    Now now{Instant{1'000'000'000}, WallTime{0}};
    std::string told;
    ServiceTable table;

    explicit Table(bool with_launcher = false) : has_launcher(with_launcher), table(options()) {
        std::filesystem::create_directory(run_dir);
    }
    ~Table() {
        table.stop(Duration(0));
        std::error_code error;
        std::filesystem::remove_all(run_dir, error);
    }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    ServiceTable::Options options() {
        ServiceTable::Options out;
        out.run_dir = run_dir;
        out.launcher_has_limits = has_launcher;
        out.tell = [this](const std::string& customer, const std::string& lines) { told += customer + ": " + lines; };
        out.start = [this](const Confinement& confinement, const NoteProcess& note) -> Result<StartedService> {
            ++tries;
            if (is_late) return fail(ErrorCode::kUnavailable, "nothing was started within 5 s");
            const bool is_check = confinement.arguments.size() == 2;
            if (!is_check) started.push_back(confinement);
            auto process = VpndProcess::own(is_check ? spawn(accepts.c_str(), "x") : spawn(program.c_str(), "1000"));
            if (!process) return tl::unexpected(process.error());
            CHECK(is_check == !note);
            if (Status noted; note && !(noted = note(*process))) {
                process->signal(SIGKILL);
                return tl::unexpected(noted.error());
            }
            if (!is_check && dies_when_noted) {
                process->signal(SIGKILL);  // it would outlive the test, and hold its output open
                return fail(ErrorCode::kFailed, "it has died");
            }
            return StartedService{std::move(*process), {}};
        };
        out.find_program = [this](const std::string& name) { return installed.empty() ? "" : installed + name; };
        out.find_user = [](const std::string&) -> Result<ServiceUser> {
            return ServiceUser{"nobody", 65534, 65534, {}};
        };
        out.stack_of = [this](const std::string&) { return std::optional(stack); };
        out.open_groups = [this]() -> Result<CustomerGroups> {
            if (groups.empty()) return fail(ErrorCode::kUnsupported, "no control groups in a test");
            return CustomerGroups(groups);
        };
        out.open_stack = [](const std::string&) -> Result<UniqueFd> { return UniqueFd(::open("/dev/null", 0)); };
        return out;
    }

    static config::Generation generation(const std::vector<config::Customer>& customers) {
        config::Generation out;
        for (const config::Customer& each : customers) {
            auto accepted = std::make_shared<config::AcceptedCustomer>();
            accepted->customer = each;
            out.customers.push_back(std::move(accepted));
        }
        return out;
    }

    void follow(const std::vector<config::Customer>& customers) {
        table.follow(generation(customers), now);
        settle();
    }

    std::string script(const std::string& name, const std::string& text) const {
        const std::string path = run_dir + "/" + name;
        std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        return path;
    }

    // Until nothing happens any more at this time.
    void settle() {
        for (int i = 0; i < 30; ++i) {
            table.run(now);
            std::this_thread::sleep_for(milliseconds(5));
        }
    }
    void pass(Duration time) {
        now.instant = now.instant + time;
        settle();
    }

    ipc::ServiceFact fact() const {
        const auto facts = table.facts("");
        REQUIRE(facts.size() == 1);
        return ipc::parse_service_fact(facts.front().text).value();
    }
};

config::Customer with_dns(const std::string& id = "acme") {
    config::Customer customer = acme();
    customer.id = id;
    customer.dns.emplace();
    customer.dns->listen = {ip("10.0.0.1")};
    return customer;
}

TEST_CASE("a service is checked, started with its file, and ends with its customer") {
    Table room;
    room.follow({with_dns()});
    REQUIRE(room.started.size() == 1);
    const Confinement& confinement = room.started.front();
    CHECK(confinement.arguments ==
          std::vector<std::string>{"/usr/sbin/unbound", "-d", "-c", "/etc/service/unbound.conf"});
    CHECK_FALSE(confinement.may_route);
    CHECK(std::filesystem::file_size(confinement.files + "/unbound.conf") == unbound_text(with_dns()).size());
    CHECK(room.fact().state == "running");
    CHECK(room.table.problems().empty());
    const pid_t pid = room.fact().pid;
    room.follow({acme()});
    CHECK(::kill(pid, 0) != 0);
    CHECK(room.table.facts("").empty());
    CHECK_FALSE(std::filesystem::exists(room.run_dir + "/services/acme.dns"));
}

TEST_CASE("a program runs under a path that no profile of AppArmor names") {
    CHECK(program_in_root("/usr/sbin/unbound") == "/program/unbound");
    CHECK(program_in_root("/usr/bin/bird") == "/program/bird");
}

TEST_CASE("one that ends is started again, later each time") {
    Table room;
    room.follow({with_dns()});
    const pid_t first = room.fact().pid;
    ::kill(first, SIGKILL);
    room.settle();
    CHECK(room.fact().pid != first);
    CHECK(room.fact().restarts == 1);
    ::kill(room.fact().pid, SIGKILL);
    room.settle();
    CHECK(room.fact().state == "stopped");
    REQUIRE(room.table.problems().size() == 1);
    CHECK(room.table.problems().front().text.starts_with("dns: unbound has ended (signal 9)"));
    CHECK(room.table.next_deadline(room.now.instant) == room.now.instant + milliseconds(500));
    room.pass(milliseconds(500));
    CHECK(room.fact().state == "running");
    CHECK(room.table.problems().empty());
}

TEST_CASE("a change is taken up by the running one, and other addresses by another") {
    Table room;
    config::Customer customer = with_dns();
    room.follow({customer});
    customer.dns->hosts = {{"erp", {ip("10.43.0.1")}}};
    room.follow({customer});
    // sleep(1) ends by SIGHUP, so it has come.
    CHECK(room.fact().restarts == 1);
    const pid_t second = room.fact().pid;
    customer.dns->listen = {ip("10.0.0.1"), ip("fd00:42::1")};
    room.follow({customer});
    CHECK(room.fact().pid != second);
    CHECK(room.fact().restarts == 1);
    const pid_t third = room.fact().pid;
    room.stack = 8;
    room.follow({customer});
    CHECK(room.fact().pid != third);
}

TEST_CASE("a configuration that is not accepted leaves the one before in force") {
    Table room;
    config::Customer customer = with_dns();
    room.follow({customer});
    const pid_t pid = room.fact().pid;
    const std::string file = room.started.front().files + "/unbound.conf";
    const auto size = std::filesystem::file_size(file);
    room.accepts = "/bin/false";
    customer.dns->hosts = {{"erp", {ip("10.43.0.1")}}};
    room.follow({customer});
    CHECK(room.fact().pid == pid);
    CHECK(std::filesystem::file_size(file) == size);
    REQUIRE(room.table.problems().size() == 1);
    CHECK(room.table.problems().front().text.find("does not accept") != std::string::npos);
    customer.dns->hosts.clear();
    room.accepts = "/bin/true";
    room.follow({customer});
    CHECK(room.fact().pid == pid);
    CHECK(room.table.problems().empty());
}

TEST_CASE("one that came back with the addresses before binds the new ones once they are accepted") {
    Table room;
    config::Customer customer = with_dns();
    room.follow({customer});
    room.accepts = "/bin/false";
    customer.dns->listen.push_back(ip("fd00:42::1"));
    room.follow({customer});
    ::kill(room.fact().pid, SIGKILL);
    room.settle();
    CHECK(room.fact().restarts == 1);
    const pid_t pid = room.fact().pid;
    room.accepts = "/bin/true";
    customer.dns->hosts = {{"erp", {ip("10.43.0.1")}}};
    room.follow({customer});
    CHECK(room.fact().pid != pid);
    CHECK(room.fact().restarts == 1);  // it was asked to end: to read its file anew would not have been enough
}

TEST_CASE("an adopted one that has not yet bound what its file says is started anew") {
    Table room;
    config::Customer customer = with_dns();
    room.follow({customer});
    const pid_t pid = room.fact().pid;
    customer.dns->listen.push_back(ip("fd00:42::1"));
    std::ofstream(room.started.front().files + "/unbound.conf") << unbound_text(customer);
    ServiceTable second(room.options());
    second.follow(Table::generation({customer}), room.now);
    for (int i = 0; i < 30; ++i) {
        second.run(room.now);
        std::this_thread::sleep_for(milliseconds(5));
    }
    CHECK(room.started.size() == 2);
    CHECK(ipc::parse_service_fact(second.facts("").front().text)->pid != pid);
    second.stop(Duration(0));
}

// Waits until the file has so many bytes, or for a second. Returns how many it has.
std::uintmax_t bytes_of(const std::string& path, std::uintmax_t expected) {
    std::error_code error;
    for (int i = 0; i < 200; ++i) {
        const auto size = std::filesystem::file_size(path, error);
        if (!error && size >= expected) return size;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return error ? 0 : std::filesystem::file_size(path);
}

TEST_CASE("a service that may have missed its file's change reads it again") {
    Table room;
    room.program = room.script("attends", "trap 'echo >>$0.read' HUP\necho >$0.here\nwhile :; do sleep 0.01; done");
    const std::string was_read = room.program + ".read";
    config::Customer customer = with_dns();
    room.follow({customer});
    CHECK(bytes_of(room.program + ".here", 1) == 1);
    const pid_t pid = room.fact().pid;
    // Just after its start, when it may not attend to signals yet.
    customer.dns->hosts = {{"erp", {ip("10.43.0.1")}}};
    room.follow({customer});
    CHECK(bytes_of(was_read, 1) == 1);
    room.pass(std::chrono::seconds(5));
    CHECK(bytes_of(was_read, 2) == 2);
    customer.dns->hosts.clear();
    room.follow({customer});
    CHECK(bytes_of(was_read, 3) == 3);
    room.pass(std::chrono::seconds(5));
    CHECK(bytes_of(was_read, 3) == 3);
    // A stackd that was killed between the change and the signal leaves this mark.
    const std::string mark = room.run_dir + "/services/acme.dns/unread";
    CHECK_FALSE(std::filesystem::exists(mark));
    std::ofstream(mark) << "";
    ServiceTable second(room.options());
    for (int i = 0; i < 2; ++i) {
        second.follow(Table::generation({customer}), room.now);
        second.run(room.now);
    }
    CHECK(bytes_of(was_read, 4) == 4);
    CHECK_FALSE(std::filesystem::exists(mark));
    CHECK(room.fact().pid == pid);
}

TEST_CASE("a check that is killed refuses nothing, and is made again") {
    Table room;
    const std::string killed = room.script("killed", "kill -9 $$");
    config::Customer customer = with_dns();
    room.accepts = killed;
    room.follow({customer});
    CHECK(room.fact().state == "stopped");
    REQUIRE(room.table.problems().size() == 1);
    CHECK(room.table.problems().front().text.find("could not check its configuration (signal 9)") != std::string::npos);
    CHECK(room.table.next_deadline(room.now.instant) == room.now.instant + std::chrono::seconds(10));
    room.pass(std::chrono::seconds(10));  // later each time
    CHECK(room.table.next_deadline(room.now.instant) == room.now.instant + std::chrono::seconds(20));
    room.accepts = "/bin/true";
    room.pass(std::chrono::seconds(20));
    CHECK(room.fact().state == "running");
    CHECK(room.table.problems().empty());
    // The same of a change: the one before is in force until then, also for one that has to be started.
    room.accepts = killed;
    customer.dns->hosts = {{"erp", {ip("10.43.0.1")}}};
    const std::string file = room.started.front().files + "/unbound.conf";
    const auto size = std::filesystem::file_size(file);
    room.follow({customer});
    ::kill(room.fact().pid, SIGKILL);
    room.settle();
    CHECK(room.fact().state == "running");
    room.pass(std::chrono::seconds(60));  // what ends now has not ended quickly
    CHECK(std::filesystem::file_size(file) == size);
    CHECK(room.table.problems().size() == 1);
    CHECK(room.table.next_deadline(room.now.instant) == room.now.instant + std::chrono::seconds(20));
    room.accepts = "/bin/true";
    room.pass(std::chrono::seconds(20));
    CHECK(std::filesystem::file_size(file) > size);
    CHECK(room.table.problems().empty());
}

TEST_CASE("a first configuration that is refused waits for another one, and for nothing else") {
    Table room;
    room.accepts = "/bin/false";
    room.follow({with_dns()});
    CHECK(room.fact().state == "refused");
    CHECK(room.table.next_deadline(room.now.instant) == kNever);
}

TEST_CASE("a package that is missing is a problem until it is there") {
    Table room;
    room.installed.clear();
    room.follow({with_dns()});
    CHECK(room.fact().state == "missing");
    REQUIRE(room.table.problems().size() == 1);
    CHECK(room.table.problems().front().text == "dns: the package unbound is not installed: apt install unbound");
    room.installed = "/usr/sbin/";
    room.pass(std::chrono::seconds(10));
    CHECK(room.fact().state == "running");
    CHECK(room.table.problems().empty());
}

TEST_CASE("the next stackd adopts a service that is as it should be, and ends all others") {
    Table room;
    config::Customer other = with_dns("other");
    room.follow({with_dns(), other});
    REQUIRE(room.started.size() == 2);
    const pid_t kept = ipc::parse_service_fact(room.table.facts("acme").front().text)->pid;
    const pid_t gone = ipc::parse_service_fact(room.table.facts("other").front().text)->pid;
    {
        // The first one is gone without a word. Its children stay ours, so that they are zombies when they end.
        ServiceTable second(room.options());
        second.follow(Table::generation({with_dns()}), room.now);
        for (int i = 0; i < 30; ++i) {
            second.run(room.now);
            std::this_thread::sleep_for(milliseconds(5));
        }
        REQUIRE(second.facts("").size() == 1);
        CHECK(ipc::parse_service_fact(second.facts("").front().text)->pid == kept);
        CHECK(room.started.size() == 2);
        siginfo_t ended{};
        CHECK(::waitid(P_PID, static_cast<id_t>(gone), &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
        CHECK(ended.si_pid == gone);
    }
}

TEST_CASE("a program is noted before it runs, and one that then fails leaves no note") {
    Table room;
    const std::string directory = room.run_dir + "/services/acme.dns";
    room.follow({with_dns()});
    CHECK(VpndProcess::find(directory + "/pid")->pid() == room.fact().pid);
    room.dies_when_noted = true;
    ::kill(room.fact().pid, SIGKILL);
    room.settle();
    CHECK(room.fact().state == "stopped");
    CHECK_FALSE(std::filesystem::exists(directory + "/pid"));
    // Where no note can be made, none runs.
    room.dies_when_noted = false;
    std::filesystem::create_directory(directory + "/pid");
    room.pass(std::chrono::seconds(60));
    CHECK(room.fact().state == "stopped");
    std::filesystem::remove(directory + "/pid");
    room.pass(std::chrono::seconds(60));
    CHECK(room.fact().state == "running");
}

TEST_CASE("where memory cannot be limited by a control group, the address space is, and no group is left") {
    Table room;
    room.groups = room.run_dir + "/groups";
    room.follow({with_dns()});
    CHECK(room.started.front().cgroup == -1);
    CHECK(room.started.front().address_space == kServiceAddressSpace);
    CHECK(room.fact().limits == "rlimit");
    CHECK_FALSE(std::filesystem::exists(room.groups + "/customer-acme"));
    // What an earlier stackd made goes with its service.
    std::filesystem::create_directories(room.groups + "/customer-acme/dns");
    room.follow({acme()});
    CHECK(std::filesystem::exists(room.groups + "/customer-acme"));
    CHECK_FALSE(std::filesystem::exists(room.groups + "/customer-acme/dns"));
}

TEST_CASE("a launcher that is late stops stackd for one start, not for each") {
    Table room(true);
    room.is_late = true;
    room.follow({with_dns(), with_dns("other"), with_dns("third")});
    CHECK(room.tries == 1);
    CHECK(room.table.next_deadline(room.now.instant) > room.now.instant);
    room.pass(std::chrono::seconds(59));
    CHECK(room.tries == 1);
    room.pass(std::chrono::seconds(1));
    CHECK(room.tries == 2);
    room.is_late = false;
    room.pass(std::chrono::seconds(60));
    CHECK(room.started.size() == 3);
}

TEST_CASE("after an upgrade services run the new program, a few at a time") {
    Table room;
    room.installed = room.run_dir + "/";
    const std::string program = room.script("unbound", "exit 0");
    room.script("unbound-checkconf", "exit 0");
    const std::vector<config::Customer> all{with_dns("a"), with_dns("b"), with_dns("c"), with_dns("d")};
    room.follow(all);
    REQUIRE(room.started.size() == 4);
    room.follow(all);
    CHECK(room.started.size() == 4);
    std::filesystem::rename(room.script("fresh", "exit 0"), program);
    room.table.follow(Table::generation(all), room.now);
    room.table.run(room.now);
    unsigned ended = 0;
    std::this_thread::sleep_for(milliseconds(200));
    for (const auto& each : room.table.facts("")) {
        siginfo_t about{};
        const auto pid = static_cast<id_t>(ipc::parse_service_fact(each.text)->pid);
        if (::waitid(P_PID, pid, &about, WEXITED | WNOHANG | WNOWAIT) == 0 && about.si_pid != 0) ++ended;
    }
    CHECK(ended == 2);
    room.settle();
    CHECK(room.started.size() == 6);  // the others wait until it is seen that these run
    CHECK(room.table.next_deadline(room.now.instant) <= room.now.instant + std::chrono::seconds(2));
    room.pass(std::chrono::seconds(2));
    CHECK(room.started.size() == 8);
    room.pass(std::chrono::seconds(2));
    CHECK(room.started.size() == 8);
    CHECK(room.table.problems().empty());
    // One that the stackd before started, too.
    std::filesystem::rename(room.script("fresh", "exit 0"), program);
    ServiceTable second(room.options());
    second.follow(Table::generation({with_dns("a")}), room.now);
    for (int i = 0; i < 30; ++i) {
        second.run(room.now);
        std::this_thread::sleep_for(milliseconds(5));
    }
    CHECK(room.started.size() == 9);
    second.stop(Duration(0));
}

TEST_CASE("an upgrade to a program that does not run stops few services before the others") {
    Table room;
    room.installed = room.run_dir + "/";
    const std::string program = room.script("unbound", "exit 0");
    room.script("unbound-checkconf", "exit 0");
    const std::vector<config::Customer> all{with_dns("a"), with_dns("b"), with_dns("c"), with_dns("d")};
    room.follow(all);
    room.program = "/bin/false";
    std::filesystem::rename(room.script("fresh", "exit 0"), program);
    room.follow(all);
    const auto running = [&room] {
        const auto facts = room.table.facts("");
        return std::count_if(facts.begin(), facts.end(),
                             [](const auto& each) { return ipc::parse_service_fact(each.text)->state == "running"; });
    };
    CHECK(running() == 2);
    CHECK(room.table.problems().size() == 2);
    // It does not hold up the others for ever: they may be right.
    for (int i = 0; i < 30 && running() > 0; ++i) room.pass(std::chrono::seconds(2));
    CHECK(running() == 0);
    room.program = "/bin/sleep";
    room.pass(std::chrono::seconds(60));
    CHECK(running() == 4);
}

TEST_CASE("what a service writes is in its customer's log, bounded") {
    Table room;
    room.follow({with_dns()});
    const std::string fifo = room.run_dir + "/services/acme.dns/log";
    std::ofstream(fifo) << "[17] unbound[1:0] info: start of \x1b service\nhalf";
    room.pass(std::chrono::seconds(1));
    CHECK(room.told == "acme: 1970-01-01T00:00:00Z dns unbound[1:0] info: start of ? service\n");
    for (int i = 0; i < 200; ++i) std::ofstream(fifo) << "line\n";
    room.told.clear();
    room.pass(std::chrono::seconds(1));
    CHECK(std::count(room.told.begin(), room.told.end(), '\n') <= 50);
    std::ofstream(fifo) << std::string(2000, 'x') << "\n";
    room.told.clear();
    room.pass(std::chrono::seconds(100));
    CHECK(room.told.size() < 600);
}

}  // namespace
}  // namespace warren::stacks
