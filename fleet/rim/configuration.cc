#include "fleet/rim/configuration.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/json_members.h"
#include "base/log.h"
#include "fleet/records/configuration.h"
#include "fleet/records/records.h"
#include "fleet/rim/cluster.h"
#include "fleet/rim/placement.h"
#include "ipc/channel.h"
#include "ipc/long_text.h"

namespace warren::fleet {

namespace {

using nlohmann::json;

constexpr int kClientsAtOnce = 4;
constexpr int kPatienceSeconds = 10;
constexpr auto kLongestWait = std::chrono::seconds(10);
constexpr std::size_t kMaxQuestion = 4 * 1024 * 1024;

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json refused(const std::string& why) {
    return {{"error", why}};
}

json answer_get(const json& question, const ConfigurationSocket::Ask& ask) {
    const auto text = ask(kTransactionTarget, configuration_request(number_of(question, "since")));
    const auto read = text ? parse_configuration(*text) : tl::unexpected<Error>(text.error());
    if (!read) return refused(read.error().what);
    json files = json::array();
    for (const StoredFile& file : read->changed)
        files.push_back({{"key", file.key}, {"changed", file.changed}, {"text", file.text}});
    return {{"revision", read->revision},
            {"number", read->number},
            {"number_changed", read->number_changed},
            {"files", files},
            {"keys", read->keys},
            {"broken", read->broken}};
}

json answer_about(const json& question, const ConfigurationSocket::Ask& ask) {
    const auto text = ask(kRangeTarget, about_request(number_of(question, "changed")));
    const auto about = text ? parse_about(*text) : tl::unexpected<Error>(text.error());
    if (!about) return refused(about.error().what);
    if (!*about) return refused("the history does not have it any more");
    return {{"number", (*about)->number},
            {"user", (*about)->user},
            {"node", (*about)->node},
            {"wall", (*about)->wall_milliseconds},
            {"comment", (*about)->comment}};
}

json answer_put(const json& question, const std::string& node, const ConfigurationSocket::Ask& ask) {
    std::vector<ProposedFile> files;
    const auto list = question.find("files");
    if (list == question.end() || !list->is_array()) return refused("no files");
    for (const json& one : *list) {
        if (!one.is_object()) return refused("no file");
        ProposedFile file{text_of(one, "key"), number_of(one, "changed"), std::nullopt};
        if (one.contains("text")) file.text = text_of(one, "text");
        files.push_back(std::move(file));
    }
    if (const std::string problem = proposal_problem(files); !problem.empty()) return refused(problem);
    About about;
    about.number = number_of(question, "number") + 1;
    about.user = text_of(question, "user");
    about.node = node;
    about.wall_milliseconds = read_wall_clock().nanoseconds / 1'000'000;
    about.comment = text_of(question, "comment");
    const auto text = ask(kTransactionTarget, proposal_request(about, number_of(question, "number_changed"), files));
    const auto done = text ? parse_answer(*text) : tl::unexpected<Error>(text.error());
    if (!done) return refused(done.error().what);
    if (!done->accepted) {
        json out = refused("somebody else changed it meanwhile");
        out["refused"] = true;
        return out;
    }
    log(LogLevel::kInfo, "configuration_changed",
        {{"revision", std::to_string(about.number)}, {"user", about.user}, {"files", std::to_string(files.size())}});
    return {{"number", about.number}, {"changed", done->revision}};
}

}  // namespace

Result<std::unique_ptr<ConfigurationSocket>> ConfigurationSocket::listen(const std::string& path, std::string node,
                                                                         Ask ask, Look look) {
    auto listener = ipc::listen_at(path, 0600);
    if (!listener) return tl::unexpected<Error>(listener.error());
    UniqueFd end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!end.valid()) return fail_errno("eventfd", errno);
    return std::unique_ptr<ConfigurationSocket>(new ConfigurationSocket(
        std::move(*listener), std::move(end), std::move(node), std::move(ask), std::move(look)));
}

ConfigurationSocket::ConfigurationSocket(UniqueFd listener, UniqueFd end, std::string node, Ask ask, Look look)
    : listener_(std::move(listener)),
      end_(std::move(end)),
      node_(std::move(node)),
      ask_(std::move(ask)),
      look_(std::move(look)) {
    for (int i = 0; i < kClientsAtOnce; ++i) threads_.emplace_back([this] { run(); });
}

ConfigurationSocket::~ConfigurationSocket() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    moved_.notify_all();
    const std::uint64_t one = 1;
    (void)!::write(end_.get(), &one, sizeof one);
    for (std::thread& thread : threads_) thread.join();
}

void ConfigurationSocket::wake() {
    {
        const std::lock_guard lock(mutex_);
        ++moves_;
    }
    moved_.notify_all();
}

void ConfigurationSocket::wait() {
    std::unique_lock lock(mutex_);
    const std::uint64_t before = moves_;
    moved_.wait_for(lock, kLongestWait, [&] { return is_over_ || moves_ != before; });
}

void ConfigurationSocket::run() {
    while (true) {
        std::array<pollfd, 2> waiting{{{listener_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
        if (waiting[1].revents != 0) return;
        if (waiting[0].revents != 0) serve_one();
    }
}

// Another thread may have taken the client: then there is none.
void ConfigurationSocket::serve_one() {
    auto channel = ipc::accept_from(listener_.get());
    if (!channel) return;
    const timeval patience{kPatienceSeconds, 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        (void)::setsockopt(channel->fd(), SOL_SOCKET, option, &patience, sizeof patience);
    const auto question = ipc::receive_text(*channel, kMaxQuestion);
    if (question) (void)ipc::send_text(*channel, answer(*question));
}

std::string ConfigurationSocket::answer(const std::string& question) {
    const json asked = json::parse(question, nullptr, false);
    if (!asked.is_object()) return dump(refused("no question"));
    const std::string op = text_of(asked, "op");
    if (op == "get") return dump(answer_get(asked, ask_));
    if (op == "about") return dump(answer_about(asked, ask_));
    if (op == "put") return dump(answer_put(asked, node_, ask_));
    if (op == "groups") return dump(answer_groups(look_));
    if (op == "plan") return dump(answer_plan(asked, look_));
    if (op == "wish") return dump(answer_wish(asked, ask_, look_));
    if (op == "members") return dump(answer_members(ask_));
    if (op.starts_with("member_")) return dump(answer_member(asked, ask_));
    if (op == "papers") return dump(answer_papers(ask_));
    if (op == "put_paper") return dump(answer_put_paper(asked, ask_));
    if (op != "wait") return dump(refused("unknown question"));
    wait();
    return dump(json::object());
}

}  // namespace warren::fleet
