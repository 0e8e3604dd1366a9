// statusd: messages from stackd, snapshots from vpnd, and the HTTPS server, in one event loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process_usage.h"
#include "base/renames.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/web_messages.h"
#include "web/api/router.h"
#include "web/login/gate.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"
#include "web/past_link.h"
#include "web/rim/page_socket.h"
#include "web/rim/server.h"
#include "web/rim/snapshot_client.h"

namespace warren::web {

// One thread, plus one for passwords and one for the database of the past.
class Daemon {
  public:
    static constexpr Duration kPoll = std::chrono::seconds(2);

    // `channel`: to stackd. `unmatchable`: access::unmatchable_password().
    Daemon(ipc::Channel channel, ProcessUsage usage, UniqueFd signals, std::string unmatchable);

    // Serves until a signal arrives or stackd closes the channel.
    void run();

  private:
    // False: stop watching the channel.
    [[nodiscard]] bool read_channel();
    void handle(ipc::WebMessage message, std::vector<UniqueFd> descriptors);
    void handle_listener(const ipc::WebListener& message, UniqueFd listener);
    void handle_snapshots(UniqueFd socket);
    void handle_users(const ipc::WebUsers& message, UniqueFd file);
    void handle_certificate(const ipc::WebCertificate& message, UniqueFd file);
    void handle_stacks(UniqueFd file);
    void handle_problems(ipc::WebProblems message);
    void handle_revisions(const ipc::WebRevisions& message, UniqueFd file);
    void handle_renames(ipc::WebRenames message);
    [[nodiscard]] bool ask(std::uint32_t id, Ask& ask);
    void report_broken_past(const std::string& reason);
    // A GET of root's.
    void answer_local(const std::string& target, std::function<void(Reply)> answer);
    void keep_previous_users(std::string problem);

    [[nodiscard]] bool read_snapshots(std::uint64_t connection);
    void poll();
    void request_snapshots();
    void refresh_facts();
    void listen_when_ready();

    ipc::Channel channel_;
    std::vector<std::uint8_t> space_;
    ProcessUsage usage_;
    UniqueFd signals_;
    Census census_;
    Gate gate_;
    SystemFacts facts_;
    ipc::WebProblems heard_problems_;  // the latest
    std::vector<Rename> renames_;      // the messages of a step so far
    Router router_;
    Server server_;
    PageSocket askers_;
    PastLink past_;
    SnapshotClient snapshots_;
    std::uint64_t connection_ = 0;  // the number of the connection in snapshots_
    bool snapshots_requested_ = false;
    UniqueFd listener_;  // held until there is a certificate
    bool has_certificate_ = false;
    bool logged_no_users_ = false;
};

}  // namespace warren::web
