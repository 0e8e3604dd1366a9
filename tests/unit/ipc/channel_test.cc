// The channel carries whole messages with their descriptors, or says that it did not; descriptors are never left
// behind.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ipc/channel.h"

using namespace warren;
using namespace warren::ipc;

namespace {

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

std::pair<Channel, Channel> make_pair() {
    auto ends = Channel::pair();
    REQUIRE(ends);
    return std::move(*ends);
}

UniqueFd open_null() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

struct TemporaryDirectory {
    std::string path = "/tmp/warren-channel-XXXXXX";
    TemporaryDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("a message arrives whole, with its descriptors in order and close-on-exec") {
    auto [ours, theirs] = make_pair();
    const UniqueFd null = open_null();
    const UniqueFd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(ours.send(as_bytes("hello"), {null.get(), directory.get()}));

    std::array<std::uint8_t, 64> space{};
    const auto received = theirs.receive(space);
    REQUIRE(received);
    CHECK(received->size == 5);
    CHECK(std::string(space.begin(), space.begin() + 5) == "hello");
    CHECK_FALSE(received->closed);
    REQUIRE(received->descriptors.size() == 2);
    struct stat first {
    }, second{};
    CHECK(::fstat(received->descriptors[0].get(), &first) == 0);
    CHECK(::fstat(received->descriptors[1].get(), &second) == 0);
    CHECK(S_ISCHR(first.st_mode));
    CHECK(S_ISDIR(second.st_mode));
    for (const UniqueFd& fd : received->descriptors) CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a message that does not fit is an error and its descriptors are closed") {
    auto [ours, theirs] = make_pair();
    const UniqueFd null = open_null();
    const std::size_t before = open_descriptors();
    std::array<std::uint8_t, 4> space{};
    REQUIRE(ours.send(as_bytes("hello"), {null.get(), null.get()}));
    const auto received = theirs.receive(space);
    REQUIRE_FALSE(received);
    CHECK(received.error().code == ErrorCode::kInvalid);
    CHECK(open_descriptors() == before);
    // The next message is not disturbed.
    REQUIRE(ours.send(as_bytes("ok")));
    const auto next = theirs.receive(space);
    REQUIRE(next);
    CHECK(next->size == 2);
}

TEST_CASE("more descriptors than a message may carry are an error and all are closed") {
    auto [ours, theirs] = make_pair();
    const UniqueFd null = open_null();
    CHECK_FALSE(ours.send(as_bytes("x"), std::vector<int>(kMaxDescriptors + 1, null.get())));

    // A hostile sender with a larger buffer than ours.
    const std::vector<int> many(kMaxDescriptors + 20, null.get());
    std::vector<std::uint8_t> control(CMSG_SPACE(many.size() * sizeof(int)));
    std::uint8_t byte = 1;
    iovec part{&byte, 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(many.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), many.data(), many.size() * sizeof(int));
    const std::size_t before = open_descriptors();
    REQUIRE(::sendmsg(ours.fd(), &header, 0) == 1);
    std::array<std::uint8_t, 4> space{};
    CHECK_FALSE(theirs.receive(space));
    CHECK(open_descriptors() == before);
}

TEST_CASE("the largest message fits, a larger and an empty one are refused") {
    auto [ours, theirs] = make_pair();
    const std::vector<std::uint8_t> largest(kMaxMessageSize, 0x5a);
    REQUIRE(ours.send(largest));
    std::vector<std::uint8_t> space(kMaxMessageSize);
    const auto received = theirs.receive(space);
    REQUIRE(received);
    CHECK(received->size == kMaxMessageSize);
    CHECK(space == largest);
    CHECK_FALSE(ours.send(std::vector<std::uint8_t>(kMaxMessageSize + 1)));
    CHECK_FALSE(ours.send({}));
}

TEST_CASE("a hang-up is seen as one, also with messages left unread") {
    std::array<std::uint8_t, 4> space{};
    {
        auto [ours, theirs] = make_pair();
        ours = Channel();
        const auto received = theirs.receive(space);
        REQUIRE(received);
        CHECK(received->closed);
    }
    {
        auto [ours, theirs] = make_pair();
        REQUIRE(theirs.send(as_bytes("x")));
        ours = Channel();
        const auto received = theirs.receive(space);
        REQUIRE(received);
        CHECK(received->closed);
    }
    {
        auto [ours, theirs] = make_pair();
        theirs = Channel();
        CHECK_FALSE(ours.send(as_bytes("x")));  // an error, not SIGPIPE
    }
}

TEST_CASE("a non-blocking end says unavailable") {
    auto [ours, theirs] = make_pair();
    REQUIRE(theirs.set_non_blocking());
    std::array<std::uint8_t, 4> space{};
    const auto received = theirs.receive(space);
    REQUIRE_FALSE(received);
    CHECK(received.error().code == ErrorCode::kUnavailable);

    REQUIRE(ours.set_non_blocking());
    Status sent;
    for (int i = 0; i < 100000 && sent; ++i) sent = ours.send(as_bytes("fill"));
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a listener accepts, knows the credentials, and replaces an old socket file") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/test.sock";
    REQUIRE(listen_at(path, 0600));
    CHECK(Channel::connect(path).error().code == ErrorCode::kUnavailable);  // the file is left, nothing listens

    const auto listener = listen_at(path, 0660);
    REQUIRE(listener);
    struct stat file {};
    REQUIRE(::stat(path.c_str(), &file) == 0);
    CHECK((file.st_mode & 07777) == 0660);
    CHECK(accept_from(listener->get()).error().code == ErrorCode::kUnavailable);

    auto client = Channel::connect(path);
    REQUIRE(client);
    auto server = accept_from(listener->get());
    REQUIRE(server);
    const auto credentials = server->peer_credentials();
    REQUIRE(credentials);
    CHECK(credentials->pid == ::getpid());
    CHECK(credentials->uid == ::getuid());
    REQUIRE(client->send(as_bytes("hi")));
    std::array<std::uint8_t, 4> space{};
    const auto received = server->receive(space);
    REQUIRE(received);
    CHECK(received->size == 2);
}

TEST_CASE("each message names its sender, if asked for: not who made the listener, and beside as many descriptors") {
    const TemporaryDirectory directory;
    const auto listener = listen_at(directory.path + "/test.sock", 0600);
    REQUIRE(listener);
    auto client = Channel::connect(directory.path + "/test.sock", true);
    REQUIRE(client);
    const pid_t child = ::fork();
    if (child == 0) {
        const UniqueFd null = open_null();
        auto server = accept_from(listener->get());
        const std::vector<int> many(kMaxDescriptors, null.get());
        ::_exit(server && server->send(as_bytes("hi"), many) ? 0 : 1);
    }
    std::array<std::uint8_t, 4> space{};
    const auto received = client->receive(space);
    REQUIRE(received);
    REQUIRE(received->sender.has_value());
    CHECK(received->sender->pid == child);
    CHECK(received->sender->uid == ::getuid());
    CHECK(received->descriptors.size() == kMaxDescriptors);
    CHECK(::waitpid(child, nullptr, 0) == child);
    auto [ours, theirs] = make_pair();
    REQUIRE(ours.send(as_bytes("hi")));
    CHECK_FALSE(theirs.receive(space)->sender.has_value());
}

TEST_CASE("a listener does not replace what is no socket, and refuses a path that is too long") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/precious";
    std::ofstream(path) << "data";
    const auto listener = listen_at(path, 0600);
    REQUIRE_FALSE(listener);
    CHECK(listener.error().code == ErrorCode::kConflict);
    CHECK(std::filesystem::is_regular_file(path));
    CHECK_FALSE(listen_at(directory.path + "/" + std::string(200, 'x'), 0600));
    CHECK(Channel::connect(directory.path + "/none").error().code == ErrorCode::kUnavailable);
}
