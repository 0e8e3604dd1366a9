// fleetd's second socket: the fleet's configuration, for vpnctl. One question a connection, as JSON; files whose
// content is secret come and go sealed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "fleet/ownership/ownership.h"

namespace warren::fleet {

// {"op": "get", "since": REVISION}: what changed after that, and the keys of all files.
// {"op": "about", "changed": REVISION}: who made the revision that changed something then.
// {"op": "put", "number": N, "number_changed": REVISION, "user", "comment", "files": [{"key", "changed", "text"}]}: one
// more revision, N + 1, if neither the number nor a file has changed since.
// {"op": "groups"}: who has which group, how many of its peers are there, and the nodes.
// {"op": "plan", "max": N}: the moves that give each node its share, at most N of them (0: all), and how many there
// are.
// {"op": "wish", "group": N, "to": NODE, "epoch": E}: its owner is to give the group, if it has the epoch E still.
// {"op": "members"}: etcd's; "member_add" with "url", "member_promote" and "member_remove" with "id": the same after
// it.
// {"op": "papers"}: the roster and certificates; "put_paper" with "key", "changed" and "text", or without to remove it.
// {"op": "wait"}: answers when the number moves, or after some seconds.
// Every answer has "error" or not; "refused" is true where etcd compared and refused.
struct Placement {
    std::vector<Ownership::NodeView> nodes;
    std::vector<Ownership::GroupView> groups;
};

class ConfigurationSocket {
  public:
    // Waits for etcd's answer. Any thread.
    using Ask = std::function<Result<std::string>(const std::string& target, const std::string& body)>;
    // What is known now. Any thread.
    using Look = std::function<Result<Placement>()>;
    // Serves a few clients at once, on threads of its own; root and fleetd's own user can connect.
    [[nodiscard]] static Result<std::unique_ptr<ConfigurationSocket>> listen(const std::string& path, std::string node,
                                                                             Ask ask, Look look);
    ~ConfigurationSocket();
    ConfigurationSocket(const ConfigurationSocket&) = delete;
    ConfigurationSocket& operator=(const ConfigurationSocket&) = delete;

    // The number has moved. Any thread.
    void wake();

  private:
    ConfigurationSocket(UniqueFd listener, UniqueFd end, std::string node, Ask ask, Look look);
    void run();
    void serve_one();
    [[nodiscard]] std::string answer(const std::string& question);
    void wait();

    UniqueFd listener_;
    UniqueFd end_;  // an eventfd: readable when the threads are to end
    std::string node_;
    Ask ask_;
    Look look_;
    std::mutex mutex_;  // guards the next two
    std::uint64_t moves_ = 0;
    bool is_over_ = false;
    std::condition_variable moved_;
    std::vector<std::thread> threads_;
};

}  // namespace warren::fleet
