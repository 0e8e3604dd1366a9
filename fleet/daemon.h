// fleetd: brings the ownership of groups together with etcd, stackd, BIRD and vpnd (docs/fleet.md).
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/result.h"
#include "fleet/ownership/ownership.h"
#include "fleet/records/records.h"
#include "fleet/rim/configuration.h"
#include "fleet/rim/control.h"
#include "fleet/rim/gateway.h"
#include "fleet/rim/lane.h"
#include "fleet/settings.h"

namespace warren::fleet {

class Daemon {
  public:
    struct Options {
        Settings settings;
        std::string run_dir;    // stackd's
        std::string directory;  // for BIRD's include and for what stackd reads
        std::string socket;     // for vpnctl
        std::string configuration_socket;
    };
    explicit Daemon(Options options);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Until SIGTERM. `confine`: called when all threads run.
    [[nodiscard]] Status run(const std::function<Status()>& confine);

  private:
    void tick();
    void act(const Actions& actions);
    void perform(const SendBeat& beat);
    void perform(const Read& read);
    void perform(const Change& change);
    void perform(const Serve& serve);
    void perform(const Stop& stop);
    // Runs a call of the machine, and what it asks for.
    template <typename Call>
    void with_machine(const Call& call);

    void follow_certificate();
    void watch(Revision from);
    void take(const Watched& watched);
    void read_states(const std::string& after);
    void learn(const StateChanged& state);
    // On a thread: asks whether stackd is there.
    void follow_stackd();
    // Sleeps, or fleetd ends.
    void pause(Duration length) const;
    // On a thread: reads who is where, and which customers each group has.
    void follow_peers();
    void count_peers(const std::map<std::string, PeerPlaces>& places);
    void write_states(const std::map<std::string, PeerPlaces>& places);
    [[nodiscard]] std::string seen_text(GroupNumber group) const;
    [[nodiscard]] ControlReply answer(const ipc::ControlRequest& request);
    [[nodiscard]] ControlReply status() const;
    [[nodiscard]] Result<std::string> ask_etcd(const std::string& target, const std::string& body);
    [[nodiscard]] Result<Placement> placement();
    void note_etcd(const Status& status);

    Options options_;
    Ownership machine_;
    Gateway gateway_;
    std::unique_ptr<Lane> lane_;
    std::unique_ptr<Control> control_;
    std::unique_ptr<ConfigurationSocket> configuration_;
    std::thread follower_;
    std::thread prober_;
    std::atomic<bool> is_over_ = false;
    bool is_watching_ = false;
    bool has_double_ = false;
    std::string etcd_problem_;
    std::string certificate_version_;
    std::map<GroupNumber, Instant> begun_;  // groups that stackd was asked to serve since they were stopped, and when
    std::map<GroupNumber, std::set<std::string>> customers_;
    std::map<GroupNumber, std::map<std::string, PeerPlaces>> states_;  // as etcd has them, by customer
    bool writes_states_ = false;
};

}  // namespace warren::fleet
