// Puts together what vpnctl and statusd see, from the customer set, the engines and the counters.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/process_usage.h"
#include "ipc/snapshot.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/show/counters.h"
#include "vpnd/show/peer_book.h"

namespace warren::vpnd {

[[nodiscard]] ipc::PeerState state_of(const control::PeerStatus& status);
// Nothing: no engine serves it.
[[nodiscard]] ipc::ConnectionState state_of(const std::optional<control::ConnectionStatus>& status);

// Reads from the things it was made of, which must outlive it. One thread.
class Snapshot {
  public:
    Snapshot(const CustomerSet& customers, const io::ControlWorker& control, const Counters& counters,
             std::string appliance, std::string aead_backend, ProcessUsage usage);

    // customer_count is for the caller to set.
    [[nodiscard]] ipc::SnapshotHeader header(Now now) const;
    [[nodiscard]] ipc::CustomerSnapshot customer(const HeldCustomer& customer) const;
    [[nodiscard]] ipc::PeerSnapshot peer(Now now, const HeldCustomer& customer, std::size_t position) const;
    [[nodiscard]] ipc::ConnectionSnapshot connection(Now now, const HeldCustomer& customer, std::size_t position) const;
    struct IkeSa {
        ipc::IkeSaSnapshot ike_sa;
        std::vector<ipc::ChildSnapshot> children;
    };
    // Of the connection at that position: at most ike::most_ike_sas(max_sessions).
    [[nodiscard]] std::vector<IkeSa> ike_sas(Now now, const HeldCustomer& customer, std::size_t position) const;
    // At most ike::kAttemptsKept.
    [[nodiscard]] std::vector<ipc::AttemptSnapshot> attempts(const HeldConnection& connection) const;
    [[nodiscard]] std::vector<ipc::AttemptSnapshot> strangers_attempts() const;
    // Differs, except for one chance in 2^64, when anything but the settings and the time differs: of a customer,
    // of one of its peers, and of a connection.
    [[nodiscard]] std::uint64_t digest(const HeldCustomer& customer) const;
    [[nodiscard]] std::uint64_t digest(const HeldCustomer& customer, std::size_t position) const;
    [[nodiscard]] std::uint64_t connection_digest(const HeldCustomer& customer, std::size_t position) const;
    // What is known of peers beside, to be told of their news.
    [[nodiscard]] PeerBook& book() { return book_; }
    void rename(std::string appliance) { appliance_ = std::move(appliance); }
    // Asked why no engine serves a connection; until then, and of those that it knows nothing of, nobody knows.
    using WhyUnserved = std::function<std::string(ConnectionIndex)>;
    void explain_unserved_by(WhyUnserved why) { why_unserved_ = std::move(why); }

    // Asked what a customer used in this month, and its peer or connection of that name; until then it is nothing.
    using MonthOf = std::function<ipc::MonthUsage(std::string_view customer, std::string_view peer)>;
    void count_months_by(MonthOf month_of) { month_of_ = std::move(month_of); }

  private:
    [[nodiscard]] ipc::MonthUsage month_of(std::string_view customer, std::string_view peer) const {
        return month_of_ ? month_of_(customer, peer) : ipc::MonthUsage{};
    }
    [[nodiscard]] std::string reason_of(const HeldCustomer& customer, const HeldConnection& connection,
                                        const std::optional<control::ConnectionStatus>& status) const;
    // Nothing: no engine serves it.
    [[nodiscard]] std::optional<control::ConnectionStatus> connection_status(const HeldConnection& connection,
                                                                             control::ConnectionDetail detail) const;
    [[nodiscard]] std::vector<ipc::ListenerSnapshot> listeners_of(const HeldCustomer& customer) const;
    [[nodiscard]] ipc::CustomerActivity activity_of(const HeldCustomer& customer) const;
    [[nodiscard]] ipc::PeerActivity activity_of(const HeldCustomer& customer, std::size_t position) const;
    [[nodiscard]] ipc::ConnectionActivity activity_of(const HeldCustomer& customer, const HeldConnection& connection,
                                                      const control::ConnectionStatus& status) const;

    const CustomerSet& customers_;
    const io::ControlWorker& control_;
    const Counters& counters_;
    std::string appliance_;
    std::string aead_backend_;
    ProcessUsage usage_;
    WhyUnserved why_unserved_;
    MonthOf month_of_;
    PeerBook book_;
};

}  // namespace warren::vpnd
