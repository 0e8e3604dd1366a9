// alertd: what stackd and vpnd say, what of it a person must know, and the receivers, in one loop.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/model/book.h"
#include "alerts/model/conditions.h"
#include "alerts/model/kept.h"
#include "alerts/model/outbox.h"
#include "alerts/model/roll.h"
#include "alerts/rim/courier.h"
#include "alerts/rim/state_file.h"
#include "base/fd.h"
#include "base/result.h"
#include "ipc/alert_messages.h"
#include "ipc/alert_questions.h"
#include "ipc/channel.h"

namespace warren::alerts {

// One thread, plus those of the courier.
class Daemon {
  public:
    static constexpr Duration kPoll = std::chrono::seconds(2);
    static constexpr Duration kVpndSilence = std::chrono::seconds(10);
    static constexpr Duration kStackdSilence = std::chrono::seconds(15);  // of three of its beats
    // Without stackd we stay so long to tell it, unless the next stackd replaces us.
    static constexpr Duration kWithoutStackd = std::chrono::minutes(2);
    static constexpr std::size_t kMostClients = 8;

    // `channel`: to stackd, non-blocking. `courier`: started.
    Daemon(ipc::Channel channel, UniqueFd signals, Courier& courier);

    // Until a signal, or for a while after stackd has closed the channel: one that stops sends a signal.
    void run();

  private:
    struct Client {
        ipc::Channel channel;
        bool waits_for_test = false;
    };

    // False: stackd has closed the channel.
    [[nodiscard]] bool read_channel();
    void handle(ipc::AlertMessage message, std::vector<UniqueFd> descriptors);
    void handle_settings(ipc::AlertSettings settings);
    void handle_state(const ipc::AlertStateFile& message, UniqueFd file);
    void handle_facts(ipc::AlertFacts facts);
    void handle_certificates(UniqueFd file);
    void read_snapshots();
    void lose_vpnd(const std::string& reason);
    void poll_vpnd();
    void look();
    void deliver();
    void take_outcomes();
    void save();

    void accept();
    void read_client(Client& client);
    [[nodiscard]] ipc::AlertAnswer status() const;
    // For the status page.
    [[nodiscard]] ipc::AlertAlive alive() const;
    void begin_test();
    void finish_test();

    ipc::Channel channel_;
    UniqueFd signals_;
    Courier& courier_;
    std::shared_ptr<const ipc::AlertSettings> settings_;
    Book book_;
    Outbox outbox_;
    Kept saved_;
    StateFile file_;
    bool has_state_ = false;  // stackd said where it is, or that there is none
    std::string file_problem_;
    bool logged_file_problem_ = false;

    Facts facts_;
    bool has_facts_ = false;
    bool has_certificates_ = false;
    Instant stackd_heard_;
    Instant stackd_lost_ = kNever;
    Roll roll_;
    ipc::Channel vpnd_;
    bool asked_for_vpnd_ = false;
    Instant asked_at_ = kLongAgo;
    bool vpnd_owes_ = false;
    Instant vpnd_heard_;
    Instant poll_at_ = kLongAgo;
    std::vector<std::uint8_t> space_;

    UniqueFd listener_;
    std::list<Client> clients_;
    std::array<std::optional<Outcome>, kReceivers.size()> last_;  // deliveries
    std::array<std::optional<Outcome>, kReceivers.size()> tested_;
    std::size_t tests_owed_ = 0;
    // What a receiver was told last.
    struct Told {
        WallTime at{};
        std::string text;
    };
    std::array<std::string, kReceivers.size()> on_the_way_;  // the last alert of the batch
    std::array<Told, kReceivers.size()> told_;
};

}  // namespace warren::alerts
