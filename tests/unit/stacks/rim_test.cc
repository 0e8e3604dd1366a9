// The edges of stackd that need no privilege: the run directory's lock, the service manager's socket, the pid file.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/parse.h"
#include "ipc/channel.h"
#include "ipc/web_messages.h"
#include "stacks/children/told_stacks.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/host/notify.h"
#include "stacks/host/run_dir.h"
#include "stacks/host/state_copy.h"
#include "stacks/host/watchdog.h"

namespace warren::stacks {
namespace {

class Directory {
  public:
    Directory() {
        path = (std::filesystem::temp_directory_path() / "warren-rim-XXXXXX").string();
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    std::string path;
};

// Field 22 of /proc/PID/stat, proc(5).
std::string start_time(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(in, line);
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    return field;
}

TEST_CASE("a run-dir has one owner at a time, and the second gets its pid") {
    const Directory directory;
    auto first = RunDir::claim(directory.path + "/run");
    REQUIRE(first.has_value());
    const auto second = RunDir::claim(directory.path + "/run");
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == ErrorCode::kConflict);
    CHECK(second.error().what.find("pid " + std::to_string(::getpid())) != std::string::npos);
    { const RunDir gone = std::move(*first); }
    CHECK(RunDir::claim(directory.path + "/run").has_value());
}

TEST_CASE("a run-dir must be absolute and short enough for a mark in the kernel") {
    CHECK_FALSE(RunDir::claim("run").has_value());
    CHECK_FALSE(RunDir::claim("/" + std::string(300, 'x')).has_value());
}

TEST_CASE("a run-dir that others may write to is refused") {
    const Directory directory;
    std::filesystem::permissions(directory.path, std::filesystem::perms(0770));
    CHECK(RunDir::claim(directory.path).error().code == ErrorCode::kPermission);
    std::filesystem::permissions(directory.path, std::filesystem::perms(0702));
    CHECK(RunDir::claim(directory.path).error().code == ErrorCode::kPermission);
    std::filesystem::permissions(directory.path, std::filesystem::perms(0755));
    CHECK(RunDir::claim(directory.path).has_value());
}

TEST_CASE("a run-dir of another user is refused, even if only that user may write to it") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: needs root, to give a directory away");
        return;
    }
    const Directory directory;
    std::filesystem::permissions(directory.path, std::filesystem::perms(0755));
    REQUIRE(::chown(directory.path.c_str(), 65534, 65534) == 0);
    CHECK(RunDir::claim(directory.path).error().code == ErrorCode::kPermission);
    CHECK_FALSE(std::filesystem::exists(directory.path + "/lock"));
    REQUIRE(::chown(directory.path.c_str(), 0, 65534) == 0);
    CHECK(RunDir::claim(directory.path).has_value());
}

TEST_CASE("a lock that is a link is refused, and what it leads to stays as it is") {
    const Directory directory;
    std::filesystem::permissions(directory.path, std::filesystem::perms(0755));
    std::ofstream(directory.path + "/precious") << "data";
    std::filesystem::create_symlink(directory.path + "/precious", directory.path + "/lock");
    CHECK_FALSE(RunDir::claim(directory.path).has_value());
    std::filesystem::remove(directory.path + "/lock");
    std::filesystem::create_symlink(directory.path + "/missing", directory.path + "/lock");
    CHECK_FALSE(RunDir::claim(directory.path).has_value());
    CHECK_FALSE(std::filesystem::exists(directory.path + "/missing"));
    std::string text;
    std::ifstream(directory.path + "/precious") >> text;
    CHECK(text == "data");
}

TEST_CASE("the process that holds a socket is found by the socket's path, even if the file is gone") {
    const Directory directory;
    const std::string path = directory.path + "/adopt.sock";
    CHECK_FALSE(VpndProcess::find_holder(path).has_value());
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const auto doctests_own = ::signal(SIGTERM, SIG_DFL);  // not for the child to run
    const pid_t child = ::fork();
    if (child == 0) {
        const auto listener = ipc::listen_at(path, 0600);
        (void)!::write(ready[1], listener ? "y" : "n", 1);
        ::pause();
        ::_exit(0);
    }
    ::signal(SIGTERM, doctests_own);
    char answer = 0;
    REQUIRE(::read(ready[0], &answer, 1) == 1);
    REQUIRE(answer == 'y');
    std::filesystem::remove(path);
    const auto own = ipc::listen_at(path, 0600);  // ours is another one: not this process
    CHECK_FALSE(VpndProcess::find_holder(path, ::getuid() + 1).has_value());
    auto found = VpndProcess::find_holder(path, ::getuid());
    REQUIRE(found.has_value());
    CHECK(found->pid() == child);
    found->stop(std::chrono::seconds(5));
    CHECK(::waitpid(child, nullptr, 0) == child);
    CHECK_FALSE(VpndProcess::find_holder(path).has_value());
    for (const int end : ready) ::close(end);
}

TEST_CASE("a process for which the socket's path is another place does not hold it, and the next one is looked at") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: needs root, to give a process another root directory");
        return;
    }
    const Directory directory;
    const std::string path = directory.path + "/adopt.sock";
    std::filesystem::create_directory(directory.path + "/elsewhere");
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const auto doctests_own = ::signal(SIGTERM, SIG_DFL);  // not for the children to run
    std::array<pid_t, 2> children{};
    for (const bool is_elsewhere : {true, false}) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto listener = ipc::listen_at(path, 0600);
            const bool moved = !is_elsewhere || ::chroot((directory.path + "/elsewhere").c_str()) == 0;
            (void)!::write(ready[1], listener && moved ? "y" : "n", 1);
            ::pause();
            ::_exit(0);
        }
        children.at(is_elsewhere ? 0 : 1) = child;
        char answer = 0;
        REQUIRE(::read(ready[0], &answer, 1) == 1);
        CHECK(answer == 'y');
        std::filesystem::remove(path);
        const auto found = VpndProcess::find_holder(path);
        CHECK(found.has_value() != is_elsewhere);
        if (found) CHECK(found->pid() == child);
    }
    ::signal(SIGTERM, doctests_own);
    for (const pid_t child : children) {
        ::kill(child, SIGKILL);
        CHECK(::waitpid(child, nullptr, 0) == child);
    }
    for (const int end : ready) ::close(end);
}

// This program stands in for vpnd: started as vpnd is, it only waits.
[[maybe_unused]] const bool kIsNotVpnd = [] {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    std::string program;
    std::string option;
    std::getline(in, program, '\0');
    std::getline(in, option, '\0');
    while (option == "--channel") ::pause();
    return true;
}();

TEST_CASE("a child whose end does not come is not waited for") {
    const auto nobody = find_user("nobody");
    if (::geteuid() != 0 || !nobody) {
        MESSAGE("skipped: needs root, to start a process as another user");
        return;
    }
    std::array<int, 2> channel{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel.data()) == 0);
    auto process = VpndProcess::start("/proc/self/exe", *nobody, channel[1]);
    if (!process) {
        MESSAGE("skipped: " << process.error().what);
        return;
    }
    // The kernel shows the end of a traced process to its parent when the tracer has seen it, and ours does not look.
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const pid_t tracer = ::fork();
    if (tracer == 0) {
        const bool traces = ::ptrace(PTRACE_SEIZE, process->pid(), nullptr, nullptr) == 0;
        (void)!::write(ready[1], traces ? "y" : "n", 1);
        ::sleep(60);
        ::_exit(0);
    }
    char answer = 0;
    REQUIRE(::read(ready[0], &answer, 1) == 1);
    const auto begin = std::chrono::steady_clock::now();
    const std::string reason = process->stop(std::chrono::milliseconds(100));
    if (answer == 'y') {
        CHECK(reason == "status unknown: it does not end");
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(8));  // and not kKillPatience
    } else {
        MESSAGE("skipped: processes may not be traced here");
    }
    ::kill(tracer, SIGKILL);
    CHECK(::waitpid(tracer, nullptr, 0) == tracer);
    if (answer == 'y') {
        CHECK(process->ended());
        CHECK(process->reap() == "signal 9");
    }
    for (const int end : {channel[0], channel[1], ready[0], ready[1]}) ::close(end);
}

void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}
std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

TEST_CASE("what is kept of peers is copied to the state directory at the end, and back where it is missing") {
    const Directory directory;
    const std::string run = directory.path + "/run";
    const std::string state = directory.path + "/state";
    std::filesystem::create_directory(run);
    write(run + "/timestamps", "stamps");
    write(run + "/peers", "places");
    write(run + "/lock", "");
    StateCopy(run, state).finish(std::chrono::seconds(10));
    CHECK(read(state + "/timestamps") == "stamps");
    CHECK(read(state + "/peers") == "places");
    CHECK_FALSE(std::filesystem::exists(state + "/lock"));
    CHECK(std::filesystem::status(state).permissions() == std::filesystem::perms(0700));
    CHECK(std::filesystem::status(state + "/peers").permissions() == std::filesystem::perms(0600));

    std::filesystem::remove(run + "/timestamps");
    write(run + "/peers", "newer");
    StateCopy(run, state).restore();
    CHECK(read(run + "/timestamps") == "stamps");
    CHECK(read(run + "/peers") == "newer");
}

TEST_CASE("a copy is made every five minutes, none right after the start, and none without a state directory") {
    const Directory directory;
    const std::string run = directory.path + "/run";
    const std::string state = directory.path + "/state";
    std::filesystem::create_directory(run);
    write(run + "/peers", "places");
    StateCopy copy(run, state);
    Instant now{1'000'000'000'000};
    copy.run(now);
    CHECK(copy.next_deadline() == now + StateCopy::kInterval);
    copy.run(copy.next_deadline());
    CHECK(copy.next_deadline() == now + 2 * StateCopy::kInterval);
    for (int i = 0; i < 1000 && !std::filesystem::exists(state + "/peers"); ++i) ::usleep(10'000);
    CHECK(read(state + "/peers") == "places");
    copy.finish(std::chrono::seconds(10));

    StateCopy none(run, "");
    none.run(now);
    none.finish(std::chrono::seconds(10));
    none.restore();
    CHECK(none.next_deadline() == kNever);
}

TEST_CASE("a copy that fails leaves the one before, and no half of it") {
    const Directory directory;
    const std::string from = directory.path + "/from";
    const std::string to = directory.path + "/to";
    write(to, "before");
    CHECK_FALSE(copy_file(from, to));  // there is none
    write(from, "x");
    std::filesystem::resize_file(from, (128U << 20) + 1);  // another program may have written anything
    CHECK_FALSE(copy_file(from, to));
    std::filesystem::remove(from);
    std::filesystem::create_symlink(to, from);
    CHECK_FALSE(copy_file(from, to));
    // A full disk: the limit of a file's size is one to a program.
    std::filesystem::remove(from);
    write(from, std::string(100'000, 'x'));
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit small{4096, 4096};
        ::signal(SIGXFSZ, SIG_IGN);
        ::setrlimit(RLIMIT_FSIZE, &small);
        ::_exit(copy_file(from, to) ? 1 : 0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(read(to) == "before");
    CHECK_FALSE(std::filesystem::exists(to + ".new"));
}

TEST_CASE("holes stay holes in a copy, and zeros become some") {
    const Directory directory;
    const std::string from = directory.path + "/from";
    const std::string to = directory.path + "/to";
    write(from, std::string(10'000, 'x'));
    std::filesystem::resize_file(from, 20U << 20);
    {
        std::fstream file(from, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(15 << 20);
        file << "far" << std::string(100'000, '\0');
    }
    REQUIRE(copy_file(from, to));
    CHECK(read(from) == read(to));
    struct stat about {};
    REQUIRE(::stat(to.c_str(), &about) == 0);
    CHECK(about.st_blocks * 512 < 100'000);
}

TEST_CASE("statusd gets the customers' stacks in a file, one at a time, and nothing when there is no descriptor") {
    auto ends = ipc::Channel::pair();
    REQUIRE(ends);
    auto& [ours, theirs] = *ends;
    REQUIRE(theirs.set_non_blocking());
    std::vector<ipc::WebStack> stacks(2);
    stacks[0].customer = "acme";
    stacks[1].complete = false;
    std::vector<std::uint8_t> space(1024);

    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const Status refused = send_stacks(ours, stacks);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.find("memfd_create") != std::string::npos);
    CHECK_FALSE(theirs.receive(space));
    CHECK_FALSE(has_unread(ours));

    REQUIRE(send_stacks(ours, stacks));
    CHECK(has_unread(ours));
    const auto received = theirs.receive(space);
    REQUIRE(received);
    CHECK_FALSE(has_unread(ours));
    REQUIRE(received->descriptors.size() == 1);
    std::vector<std::uint8_t> file(4096);
    const ssize_t size = ::pread(received->descriptors[0].get(), file.data(), file.size(), 0);
    REQUIRE(size > 0);
    CHECK(ipc::decode_stacks(Bytes(file).first(static_cast<std::size_t>(size))) == stacks);
}

TEST_CASE("statusd is told of all renames, in as many messages as it takes") {
    auto ends = ipc::Channel::pair();
    REQUIRE(ends);
    auto& [ours, theirs] = *ends;
    REQUIRE(ours.set_non_blocking());
    REQUIRE(theirs.set_non_blocking());
    constexpr std::size_t kMost = ipc::WebRenames::kMax;
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, kMost, kMost + 1, 2 * kMost}) {
        CAPTURE(count);
        std::vector<Rename> renames;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string number = std::to_string(i);
            renames.push_back({number + std::string(config::kMaxCustomerId - number.size(), 'a'),
                               number + std::string(config::kMaxCustomerId - number.size(), 'b')});
        }
        REQUIRE(send_renames(ours, 7, renames));
        std::vector<Rename> told;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        bool has_more = count > 0;
        while (has_more) {
            const auto received = theirs.receive(space);
            REQUIRE(received);
            const auto message = ipc::decode_web(Bytes(space).first(received->size));
            REQUIRE(message);
            const auto& part = std::get<ipc::WebRenames>(*message);
            CHECK(part.generation == 7);
            CHECK(part.renames.size() <= kMost);
            for (const auto& [from, to] : part.renames) told.push_back({from, to});
            has_more = part.more;
        }
        CHECK(told == renames);
        CHECK_FALSE(theirs.receive(space));
    }
    Status sent;
    while (sent) sent = send_renames(ours, 7, {{"acme", "initech"}});
    CHECK(sent.error().system_error == EAGAIN);
}

TEST_CASE("a statusd that is busy can be told that all customers are renamed, and renamed back") {
    auto ends = ipc::Channel::pair();
    REQUIRE(ends);
    auto& [ours, theirs] = *ends;
    REQUIRE(ours.set_non_blocking());
    if (const Status made = make_room(ours); !made) {
        REQUIRE(made.error().code == ErrorCode::kPermission);
        MESSAGE("skipped: needs CAP_NET_ADMIN, for a large buffer");
        return;
    }
    std::vector<Rename> renames;
    for (std::size_t i = 0; i < 10'000; ++i) {
        const std::string number = std::to_string(i);
        renames.push_back({number + std::string(config::kMaxCustomerId - number.size(), 'a'),
                           number + std::string(config::kMaxCustomerId - number.size(), 'b')});
    }
    CHECK(send_renames(ours, 7, renames));
    CHECK(send_renames(ours, 8, reversed(renames)));
}

TEST_CASE("the service manager is told at a path and at an abstract address") {
    const Directory directory;
    for (const std::string& where : {directory.path + "/notify", "@" + directory.path}) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, where.data(), where.size());
        if (where[0] == '@') address.sun_path[0] = 0;
        const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + where.size());
        REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
        ::setenv("NOTIFY_SOCKET", where.c_str(), 1);
        notify("READY=1\nSTATUS=up");
        std::array<char, 64> got{};
        CHECK(::recv(socket.get(), got.data(), got.size(), 0) == 17);
        CHECK(std::string(got.data()) == "READY=1\nSTATUS=up");
    }
    ::unsetenv("NOTIFY_SOCKET");
    notify("READY=1");  // no service manager: nothing happens
}

TEST_CASE("the watchdog is told twice in its time, and only when it asks") {
    CHECK(Watchdog::interval_of("3000000", nullptr, 7) == std::chrono::milliseconds(1500));
    CHECK(Watchdog::interval_of("3000000", "7", 7) == std::chrono::milliseconds(1500));
    CHECK(Watchdog::interval_of("3000000", "8", 7) == Duration(0));
    for (const char* text : {"", "x", "-1", "0", "3s", "99999999999999999999"})
        CHECK(Watchdog::interval_of(text, nullptr, 7) == Duration(0));
    CHECK(Watchdog::interval_of(nullptr, nullptr, 7) == Duration(0));

    const Directory directory;
    const std::string where = directory.path + "/notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, where.data(), where.size());
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", where.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "2000000", 1);
    Watchdog watchdog;
    ::unsetenv("WATCHDOG_USEC");
    Watchdog unasked;
    const auto told = [&] {
        std::array<char, 64> got{};
        const ssize_t size = ::recv(socket.get(), got.data(), got.size(), 0);
        return size < 0 ? std::string() : std::string(got.data(), static_cast<std::size_t>(size));
    };
    const Instant start = Instant{} + std::chrono::seconds(100);
    watchdog.feed(start);
    CHECK(told() == "WATCHDOG=1");
    CHECK(watchdog.next_deadline() == start + std::chrono::seconds(1));
    watchdog.feed(start + std::chrono::milliseconds(999));
    CHECK(told() == "");
    watchdog.feed(start + std::chrono::seconds(1));
    CHECK(told() == "WATCHDOG=1");
    CHECK(unasked.next_deadline() == kNever);
    unasked.feed(start);
    CHECK(told() == "");
    ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("a pid file names a process only while it is that very process") {
    const Directory directory;
    const std::string file = directory.path + "/vpnd.pid";
    CHECK_FALSE(VpndProcess::find(file).has_value());
    for (const char* text : {"", "x", "1 5", "-5 5", "0 0", "99999999 1"}) {
        std::ofstream(file) << text;
        CHECK_FALSE(VpndProcess::find(file).has_value());
    }
    const auto doctests_own = ::signal(SIGTERM, SIG_DFL);  // not for the child to run
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    ::signal(SIGTERM, doctests_own);
    std::ofstream(file) << child << " 1\n";  // the start time of another life
    CHECK_FALSE(VpndProcess::find(file).has_value());
    std::ofstream(file) << child << " " << start_time(child) << "\n";
    auto found = VpndProcess::find(file);
    REQUIRE(found.has_value());
    CHECK(found->pid() == child);
    CHECK_FALSE(found->ended());
    found->stop(std::chrono::seconds(5));
    CHECK(found->ended());
    CHECK(::waitpid(child, nullptr, 0) == child);
    CHECK_FALSE(VpndProcess::find(file).has_value());
}

TEST_CASE("vpnd's user must exist and must not be root") {
    CHECK(find_user("no-such-user-here").error().code == ErrorCode::kNotFound);
    CHECK(find_user("root").error().code == ErrorCode::kInvalid);
    const auto nobody = find_user("nobody");
    REQUIRE(nobody.has_value());
    CHECK(nobody->uid != 0);
    CHECK(nobody->groups == std::vector<gid_t>{nobody->gid});
}

}  // namespace
}  // namespace warren::stacks
