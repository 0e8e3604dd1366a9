// The loop: what it keeps, whom it answers, and what it does without stackd.
#include "alerts/daemon.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

bool becomes(const std::function<bool()>& claim, Duration patience = seconds(3)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        if (claim()) return true;
        std::this_thread::sleep_for(milliseconds(20));
    }
    return claim();
}

// A daemon whose only receiver refuses connections at once. We are its stackd.
class Running {
  public:
    Running() : directory_("/tmp/alertd-XXXXXX") {
        REQUIRE(::mkdtemp(directory_.data()) != nullptr);
        auto pair = ipc::Channel::pair();
        REQUIRE(pair.has_value());
        REQUIRE(pair->first.set_non_blocking());
        REQUIRE(pair->second.set_non_blocking());
        stackd_ = std::move(pair->first);
        signals_ = ::eventfd(0, EFD_CLOEXEC);
        REQUIRE(courier_.start());
        thread_ = std::thread([this, channel = std::move(pair->second)]() mutable {
            Daemon(std::move(channel), UniqueFd(signals_), courier_).run();
            has_ended_ = true;
        });
        const UniqueFd state(::open(state_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        tell(ipc::AlertStateFile{}, state.get());
        ipc::AlertSettings settings;
        settings.webhook_url = "http://127.0.0.1:9/";
        tell(std::move(settings));
        auto listener = ipc::listen_at(socket_path(), 0600);
        REQUIRE(listener.has_value());
        tell(ipc::AlertAskers{}, listener->get());
    }
    ~Running() {
        const std::uint64_t one = 1;
        (void)!::write(signals_, &one, sizeof one);
        thread_.join();
        std::filesystem::remove_all(directory_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void tell(const ipc::AlertMessage& message, int descriptor = -1) {
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(message, wire));
        REQUIRE(stackd_.send(wire, descriptor < 0 ? std::vector<int>{} : std::vector<int>{descriptor}));
    }
    void happen(std::vector<std::int64_t> events) {
        ipc::AlertFacts facts;
        for (const std::int64_t event : events) facts.events.push_back({at(event).wall, "reload_refused", "refused"});
        tell(facts);
    }
    void lose_stackd() { stackd_ = {}; }
    // What a killed one would leave.
    [[nodiscard]] Kept kept() const {
        const std::string copy = directory_ + "/copy";
        std::filesystem::copy_file(state_path(), copy, std::filesystem::copy_options::overwrite_existing);
        StateFile file;
        const auto text = file.open(UniqueFd(::open(copy.c_str(), O_RDWR | O_CLOEXEC)));
        return text && !text->empty() ? parse_kept(*text).value_or(Kept{}) : Kept{};
    }
    [[nodiscard]] ipc::Channel connect() const {
        auto channel = ipc::Channel::connect(socket_path());
        REQUIRE(channel.has_value());
        REQUIRE(channel->set_non_blocking());
        return std::move(*channel);
    }
    [[nodiscard]] bool answers(ipc::Channel& client) const {
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(ipc::AlertQuestion{}, wire));
        if (!client.send(wire)) return false;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        return becomes([&] {
            const auto received = client.receive(space);
            return received && !received->closed;
        });
    }
    [[nodiscard]] bool has_ended() const { return has_ended_; }
    [[nodiscard]] ipc::Channel& stackd() { return stackd_; }

  private:
    [[nodiscard]] std::string state_path() const { return directory_ + "/alerts.state"; }
    [[nodiscard]] std::string socket_path() const { return directory_ + "/alert.sock"; }

    std::string directory_;
    ipc::Channel stackd_;
    int signals_ = -1;  // the daemon's
    Courier courier_;
    std::atomic<bool> has_ended_ = false;
    std::thread thread_;
};

}  // namespace

TEST_CASE("what happens while a receiver has its pause is kept before it is over") {
    Running alertd;
    alertd.happen({0});
    REQUIRE(becomes([&] { return alertd.kept().outbox.waiting.size() == 1; }));
    std::this_thread::sleep_for(milliseconds(500));  // it was refused, and the next try is 5 s later
    alertd.happen({0, 1});
    CHECK(becomes([&] { return alertd.kept().outbox.waiting.size() == 2; }));
    CHECK(alertd.kept().book.events.size() == 2);
}

TEST_CASE("stackd gets an answer to each of its beats") {
    Running alertd;
    std::size_t answers = 0;
    const auto read = [&] {
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        const auto received = alertd.stackd().receive(space);
        if (!received || received->closed) return false;
        const auto message = ipc::decode_alert(Bytes(space).first(received->size));
        if (message && std::holds_alternative<ipc::AlertAlive>(*message)) ++answers;
        return answers == 2;
    };
    alertd.happen({});
    alertd.happen({});
    CHECK(becomes(read));
}

TEST_CASE("alertd outlives a stackd that is lost, so that it can tell it") {
    Running alertd;
    ipc::Channel client = alertd.connect();
    REQUIRE(alertd.answers(client));
    alertd.lose_stackd();
    std::this_thread::sleep_for(milliseconds(300));
    CHECK_FALSE(alertd.has_ended());
    ipc::Channel other = alertd.connect();
    CHECK(alertd.answers(other));
}

TEST_CASE("clients that ask nothing keep nobody out") {
    Running alertd;
    std::vector<ipc::Channel> idle;
    for (std::size_t i = 0; i < Daemon::kMostClients; ++i) idle.push_back(alertd.connect());
    std::this_thread::sleep_for(milliseconds(100));
    ipc::Channel client = alertd.connect();
    CHECK(alertd.answers(client));
}
