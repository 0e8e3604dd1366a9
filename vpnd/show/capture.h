// The one capture that may run: whose packets are told, and to whom.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/show/capture_sink.h"

namespace warren::vpnd {

// Ends when the reader hangs up, when the customer goes, and with this process. One thread; the references outlive it.
class Capture {
  public:
    [[nodiscard]] static Result<Capture> make(io::ControlWorker& control, const CustomerSet& customers);

    // Readable when run() has something to do.
    [[nodiscard]] int fd() const { return loop_.fd(); }
    // Begins, or tells the reader why not.
    void start(const std::string& customer, const std::string& peer, UniqueFd socket);
    // Notices that the reader hung up, or has room for the end of the one before.
    void run();
    // The customer may have other peers, listeners and workers. Behind the messages that tell the workers so.
    void note_generation();
    // It leaves a worker, or all: before its index may be another's.
    void forget(CustomerIndex customer);

    [[nodiscard]] bool is_running() const { return sink_ != nullptr; }

  private:
    Capture(io::EventLoop loop, io::ControlWorker& control, const CustomerSet& customers)
        : loop_(std::move(loop)), control_(&control), customers_(&customers) {}
    [[nodiscard]] const HeldCustomer* find() const;
    // Nothing: the customer has no such peer.
    [[nodiscard]] std::optional<std::vector<PeerIndex>> peers_of(const HeldCustomer& customer) const;
    void post_taps(const HeldCustomer& customer, const std::vector<PeerIndex>& only);
    void end(const std::string& why);
    void let_go();

    io::EventLoop loop_;
    io::ControlWorker* control_;
    const CustomerSet* customers_;
    // The data workers have it too, until they carry out the SetTap that takes it away: of whoever is last.
    std::shared_ptr<CaptureSink> sink_;
    CustomerIndex customer_;
    std::string peer_;  // "": all
    Instant began_ = kLongAgo;
    // The latest whose reader had no room for its end, until it has or hangs up.
    std::shared_ptr<CaptureSink> ended_;
    std::string ended_why_;
};

}  // namespace warren::vpnd
