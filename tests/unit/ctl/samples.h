// Snapshots that the tests of ctl/ share, and a vpnd that answers with them.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "ctl/ask/snapshot_client.h"
#include "ipc/channel.h"
#include "ipc/control_messages.h"

namespace warren::ctl::samples {

ipc::PeerSnapshot peer(const std::string& name, ipc::PeerState state);
// Two customers: acme with three peers, globex suspended with none.
Snapshot snapshot();
// The same with connections of IPsec: acme's graz is up, with a child and one that a rekey replaced, and its linz is
// down.
Snapshot snapshot_with_ipsec();
// Of graz (one that failed, one that came up), and with customer "" one that found no connection.
Attempts attempts(const std::string& customer);

// Empty at first, gone at the end.
struct TemporaryDirectory {
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string path;
};

// A run directory of its own, gone at the end, with a daemon's socket in it that serves one connection after the other
// in a thread.
class FakeDaemon {
  public:
    // `serve` gets each connection; it is closed when that returns.
    FakeDaemon(const std::string& socket, std::function<void(ipc::Channel&)> serve);
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;
    [[nodiscard]] const std::string& run_dir() const { return run_dir_.path; }

  private:
    TemporaryDirectory run_dir_;
    UniqueFd listener_;
    UniqueFd stop_;
    std::thread thread_;
};

// Answers as vpnd does with what the request asks of `snapshot`, and of attempts().
void serve_snapshot(const Snapshot& snapshot, ipc::Channel& channel);
// Reads the request and forgets it: a connection closed with something unread is reset, and what was sent may be lost.
void ignore_request(ipc::Channel& channel);
void send(ipc::Channel& channel, const ipc::SnapshotMessage& message);
void send(ipc::Channel& channel, const ipc::ControlMessage& message);

// Runs vpnctl.
struct Ran {
    int status = -1;
    std::string out;
    std::string err;
};
Ran vpnctl(const std::vector<std::string>& arguments);

}  // namespace warren::ctl::samples
