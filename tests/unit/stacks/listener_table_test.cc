// The control socket of a listener whose customer was renamed, when vpnd was told of it alone.
#include "stacks/listeners/listener_table.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "room.h"

namespace warren::stacks {
namespace {

const std::string kFormer = "former";
const std::string kPresent = "present";
constexpr Port kPort{ipc::Protocol::kUdp, 51878};

// A table for a vpnd that has nothing but control sockets.
struct Table {
    Table() = default;
    ~Table() {
        table.keep_only({});
        std::filesystem::remove_all(run_dir);
    }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    bool adopt(const std::string& owner, const UapiSocket& socket) {
        std::vector<UniqueFd> held;
        held.push_back(socket.listener.duplicate());
        const std::vector<ipc::DescriptorRole> roles(1, ipc::DescriptorRole{ipc::SocketRole::kControl});
        return table.adopt({owner}, kPort, roles, std::move(held));
    }
    // Where the listener has its control socket.
    std::string bind(const std::string& owner) {
        const Status bound = table.bind({owner}, kPort);
        REQUIRE_MESSAGE(bound.has_value(), bound.error().what);
        const ListenerDescriptors descriptors = table.descriptors({owner}, kPort);
        REQUIRE(descriptors.numbers.size() == 1);
        return path_of_socket(descriptors.numbers.front());
    }
    [[nodiscard]] UapiSocket listen(const std::string& owner) const {
        auto made = listen_uapi(owner, run_dir, directory);
        REQUIRE_MESSAGE(made.has_value(), made.error().what);
        return std::move(*made);
    }

    [[nodiscard]] std::string path_for(const std::string& owner) const {
        return directory + "/" + uapi_name(owner) + ".sock";
    }

    std::string run_dir = fresh_directory();
    std::string directory = run_dir + "/uapi";
    ListenerTable table{run_dir, 1, directory};
};

TEST_CASE("the file of a control socket with a former name goes when its listener gets a new one") {
    Table table;
    const UapiSocket old = table.listen(kFormer);  // vpnd listens there
    REQUIRE(old.path == table.path_for(kFormer));
    REQUIRE_FALSE(table.adopt(kPresent, old));
    CHECK(std::filesystem::exists(old.path));
    CHECK(table.bind(kPresent) == table.path_for(kPresent));
    CHECK_FALSE(std::filesystem::exists(old.path));
}

TEST_CASE("a customer that gets a former name gets the control socket of this name") {
    Table table;
    const UapiSocket old = table.listen(kFormer);
    REQUIRE_FALSE(table.adopt(kPresent, old));
    CHECK(table.bind(kFormer) == table.path_for(kFormer));
    CHECK(table.bind(kPresent) == table.path_for(kPresent));
    CHECK(std::filesystem::exists(old.path));  // another one now
}

TEST_CASE("the file of a control socket with a former name stays when it is another listener's by now") {
    Table table;
    const UapiSocket old = table.listen(kFormer);
    std::filesystem::remove(old.path);
    const UapiSocket now = table.listen(kFormer);
    REQUIRE_FALSE(table.adopt(kPresent, old));
    REQUIRE(table.adopt(kFormer, now));
    CHECK(table.bind(kPresent) == table.path_for(kPresent));
    CHECK(std::filesystem::exists(now.path));
}

TEST_CASE("the file of a control socket with a former name stays while its listener gets no new one") {
    Table table;
    const UapiSocket old = table.listen(kFormer);
    REQUIRE_FALSE(table.adopt(kPresent, old));

    SUBCASE("its name is somebody's in both directories") {
        std::vector<std::string> taken{table.path_for(kPresent),
                                       table.run_dir + "/wireguard/" + uapi_name(kPresent) + ".sock"};
        for (const std::string& path : taken) std::filesystem::create_directories(path);
        CHECK_FALSE(table.table.bind({kPresent}, kPort));
        CHECK(std::filesystem::exists(old.path));
        for (const std::string& path : taken) std::filesystem::remove(path);
    }
    SUBCASE("another program has its port") {
        const UniqueFd other(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        socklen_t size = sizeof address;
        REQUIRE(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
        REQUIRE(::getsockname(other.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        CHECK_FALSE(table.table.bind({kPresent}, {ipc::Protocol::kUdp, ntohs(address.sin_port)}));
        CHECK(std::filesystem::exists(old.path));
        CHECK_FALSE(std::filesystem::exists(table.path_for(kPresent)));
    }
    CHECK(table.bind(kPresent) == table.path_for(kPresent));
    CHECK_FALSE(std::filesystem::exists(old.path));
}

TEST_CASE("a control socket with a former name leaves no file when its listener is not needed any more") {
    Table table;
    UapiSocket old = table.listen(kFormer);
    REQUIRE_FALSE(table.adopt(kPresent, old));
    old.listener.reset();  // vpnd has closed it
    table.table.keep_only({});
    CHECK_FALSE(std::filesystem::exists(old.path));
}

TEST_CASE("a file that has no name of ours stays, whatever vpnd says") {
    Table table;
    const UapiSocket other{UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), table.run_dir + "/wg0.sock"};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(other.path.size() < sizeof address.sun_path);
    std::copy(other.path.begin(), other.path.end(), std::begin(address.sun_path));
    REQUIRE(::bind(other.listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE_FALSE(table.adopt(kPresent, other));
    CHECK(table.bind(kPresent) == table.path_for(kPresent));
    CHECK(std::filesystem::exists(other.path));
}

}  // namespace
}  // namespace warren::stacks
