// Where a capture is written: a reader that stalls, a disk that is full, a file that another capture writes.
#include "ctl/ask/capture_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace warren::ctl {
namespace {

using Octets = std::vector<std::uint8_t>;

// A file of a name of its own, that is gone at the end.
struct Place {
    std::string path = std::filesystem::temp_directory_path() / ("warren-capture-" + std::to_string(::getpid()));
    ~Place() { std::filesystem::remove(path); }
};

// SIGHUP of this thread, as a descriptor; what was not read is let go.
struct Signals {
    sigset_t before{};
    UniqueFd fd;
    Signals() {
        sigset_t wanted;
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGHUP);
        REQUIRE(::pthread_sigmask(SIG_BLOCK, &wanted, &before) == 0);
        fd = UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
        REQUIRE(fd.valid());
    }
    ~Signals() {
        signalfd_siginfo what{};
        while (::read(fd.get(), &what, sizeof what) > 0) continue;
        (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    static void raise() { REQUIRE(::pthread_kill(::pthread_self(), SIGHUP) == 0); }
};

TEST_CASE("a file is as it was until the capture begins, and its owner's alone then") {
    const Place place;
    std::ofstream(place.path) << "of before";
    REQUIRE(::chmod(place.path.c_str(), 0644) == 0);
    auto first = CaptureOutput::open(place.path);
    REQUIRE(first);
    CHECK(std::filesystem::file_size(place.path) == 9);
    REQUIRE(first->begin());
    CHECK(std::filesystem::file_size(place.path) == 0);
    struct stat seen {};
    REQUIRE(::stat(place.path.c_str(), &seen) == 0);
    CHECK((seen.st_mode & 0777) == 0600);
    CHECK(first->write(Octets(5, 1)));
    const auto second = CaptureOutput::open(place.path);
    REQUIRE_FALSE(second);
    CHECK(second.error().what == place.path + " is written by another capture");
    CHECK(std::filesystem::file_size(place.path) == 5);
}

TEST_CASE("a full disk is a failure, and nothing is written behind it") {
    auto out = CaptureOutput::open("/dev/full");
    REQUIRE(out);
    REQUIRE(out->begin());
    CHECK_FALSE(out->write(Octets(5, 1)));
    CHECK(out->is_over());
    REQUIRE_FALSE(out->failure());
    CHECK(out->failure().error().what.find("/dev/full") != std::string::npos);
    CHECK_FALSE(out->write(Octets(5, 1)));
}

TEST_CASE("a reader that has gone is a usual end") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    CaptureOutput out{UniqueFd(ends[1])};
    (void)::close(ends[0]);
    CHECK_FALSE(out.write(Octets(5, 1)));
    CHECK(out.is_over());
    CHECK(out.failure());
    (void)::signal(SIGPIPE, before);
}

TEST_CASE("a reader that stalls does not keep anybody from ending it") {
    const Signals signals;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]);
    CaptureOutput out{UniqueFd(ends[1])};
    out.watch(signals.fd.get());
    CHECK_FALSE(out.is_end_asked());
    Signals::raise();
    // More than a pipe holds; nobody reads.
    CHECK_FALSE(out.write(Octets(1'000'000, 1)));
    CHECK(out.is_end_asked());
    CHECK(out.is_over());
    REQUIRE_FALSE(out.failure());
    CHECK(out.failure().error().what.find("does not read") != std::string::npos);
}

TEST_CASE("what waits at the end is written while its reader reads") {
    const Signals signals;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    std::size_t got = 0;
    {
        CaptureOutput out{UniqueFd(ends[1])};
        out.watch(signals.fd.get());
        Signals::raise();
        CHECK(out.is_end_asked());
        std::thread reader([&got, &ends] {
            const UniqueFd mine(ends[0]);
            Octets space(65'536);
            for (ssize_t size = 0; got < 1'000'000 && (size = ::read(mine.get(), space.data(), space.size())) > 0;)
                got += static_cast<std::size_t>(size);
        });
        CHECK(out.write(Octets(1'000'000, 1)));
        reader.join();
    }
    CHECK(got == 1'000'000);
}

}  // namespace
}  // namespace warren::ctl
