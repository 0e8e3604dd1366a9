#include "base/log_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "base/fd.h"

namespace warren {
namespace {

std::string lost_line(std::uint64_t lines) {
    return "lost " + std::to_string(lines) + "\n";
}

// A blocking pipe of 4 KiB, the smallest there is.
struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        reading = UniqueFd(ends[0]);
        writing = UniqueFd(ends[1]);
        REQUIRE(::fcntl(writing.get(), F_SETPIPE_SZ, 4096) == 4096);
        REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
    }
    UniqueFd reading;
    UniqueFd writing;
};

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::read(fd, piece.data(), piece.size())) > 0;)
        text.append(piece.data(), static_cast<std::size_t>(size));
    return text;
}

// Puts numbered lines until 100 are lost at least, then reads everything. Returns the text.
std::string overflow(LogSink& sink, int reading, std::size_t lines) {
    for (std::size_t i = 0; i < lines; ++i) sink.put(std::to_string(i) + " " + std::string(100, 'x') + "\n");
    std::string text;
    while (sink.has_waiting()) {
        text += read_all(reading);
        sink.flush();
    }
    return text + read_all(reading);
}

// Every line is there or counted, in order.
void check_complete(const std::string& text, std::size_t lines) {
    std::size_t next = 0;
    std::size_t counts = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        REQUIRE(end != std::string::npos);
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.starts_with("lost ")) {
            next += std::stoul(line.substr(5));
            ++counts;
            continue;
        }
        REQUIRE(std::stoul(line) == next);
        REQUIRE(line.size() == std::to_string(next).size() + 101);
        ++next;
    }
    CHECK(next == lines);
    CHECK(counts >= 1);
}

}  // namespace

TEST_CASE("a pipe that nobody reads stops no writer, and the lines that are lost are counted") {
    Pipe pipe;
    LogSink sink(pipe.writing.get(), lost_line);
    check_complete(overflow(sink, pipe.reading.get(), 3000), 3000);
    CHECK((::fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a socket that nobody reads stops no writer either") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const UniqueFd reading(ends[0]);
    const UniqueFd writing(ends[1]);
    REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
    LogSink sink(writing.get(), lost_line);
    check_complete(overflow(sink, reading.get(), 30000), 30000);
}

TEST_CASE("the count comes as soon as it can be written, without another line") {
    Pipe pipe;
    LogSink sink(pipe.writing.get(), lost_line);
    for (int i = 0; i < 3000; ++i) sink.put(std::string(100, 'x') + "\n");
    std::string text;
    for (int turn = 0; turn < 10000 && sink.has_waiting(); ++turn) {
        text += read_all(pipe.reading.get());
        sink.flush();
    }
    CHECK_FALSE(sink.has_waiting());
    text += read_all(pipe.reading.get());
    CHECK(text.find("lost ") != std::string::npos);
}

TEST_CASE("memory for lines that wait is bounded") {
    Pipe pipe;
    LogSink sink(pipe.writing.get(), lost_line);
    for (int i = 0; i < 10000; ++i) sink.put(std::string(1000, 'x') + "\n");
    std::string text;
    while (sink.has_waiting()) {
        text += read_all(pipe.reading.get());
        sink.flush();
    }
    CHECK(text.size() < LogSink::kMostBytes + 2 * 4096);
}

TEST_CASE("a full disk loses lines and counts them") {
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    REQUIRE(full.valid());
    LogSink sink(full.get(), lost_line);
    for (int i = 0; i < 3000; ++i) sink.put(std::string(100, 'x') + "\n");
    CHECK(sink.has_waiting());
    Pipe pipe;
    REQUIRE(::dup2(pipe.writing.get(), full.get()) == full.get());
    std::string text;
    while (sink.has_waiting()) {
        sink.flush();
        text += read_all(pipe.reading.get());
    }
    CHECK(text.find("lost ") != std::string::npos);
}

TEST_CASE("detaching leaves the open file of others as it was, and never waits") {
    Pipe pipe;
    const UniqueFd others = pipe.writing.duplicate();
    LogSink sink(pipe.writing.get(), lost_line);
    sink.detach();
    CHECK((::fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(others.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK((::fcntl(pipe.writing.get(), F_GETFD) & FD_CLOEXEC) == 0);  // children get it
    const std::string much(4096, 'x');
    CHECK(::write(pipe.writing.get(), much.data(), much.size()) == 4096);
    CHECK(::write(pipe.writing.get(), much.data(), much.size()) == -1);
    CHECK(errno == EAGAIN);
}

TEST_CASE("a line longer than a pipe takes at once arrives whole") {
    Pipe pipe;
    LogSink sink(pipe.writing.get(), lost_line);
    const std::string line = std::string(10000, 'y') + "\n";
    sink.put(line);
    std::string text;
    while (sink.has_waiting()) {
        text += read_all(pipe.reading.get());
        sink.flush();
    }
    CHECK(text + read_all(pipe.reading.get()) == line);
}

}  // namespace warren
