// What users of the status page may change: who they are, what they may, how often. stackd believes nothing that
// statusd says of them: it checks passwords itself, and takes what a user may do from users.toml.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "access/users.h"
#include "base/result.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "config/generation.h"
#include "history/revisions.h"
#include "ipc/web_changes.h"
#include "stacks/host/disk_task.h"
#include "stacks/plan/report.h"

namespace warren::stacks {

// The tickets that were given for passwords; each ends after a while, and when its user is changed or removed.
class Tickets {
  public:
    static constexpr Duration kIdle = std::chrono::minutes(15);
    static constexpr Duration kAbsolute = std::chrono::hours(8);
    static constexpr std::size_t kMost = 256;  // a new one replaces the one unused for longest

    // `ticket`: 32 random bytes as text.
    void give(Instant now, const std::string& ticket, const access::User& user);
    // Whether it was given, and was not found to be void.
    [[nodiscard]] bool has(const std::string& ticket) const;
    // Whose it is; nothing: it is none (any more).
    [[nodiscard]] std::optional<access::User> find(Instant now, const std::string& ticket, const access::Users& users);
    // Something was changed with it. What is refused does not keep a ticket alive.
    void renew(Instant now, const std::string& ticket);
    void clear() { tickets_.clear(); }

  private:
    struct Ticket {
        access::User user;  // as when it was given
        Instant begun{};
        Instant used{};
    };
    std::unordered_map<std::string, Ticket> tickets_;  // by the ticket's hash
};

// Why a user with this grant may not ask for that, whatever the configuration says; "": it may. The same text for a
// customer that is not its own and for one that does not exist.
[[nodiscard]] std::string objection_to(const access::Grant& grant, const ipc::WebChange& change);

// One thread. A password is checked in a child process. A change of a file waits for the disk, like an apply that
// somebody asks for: it is written and synced before it comes into force. It does not wait for others' locks.
class PageChanges {
  public:
    // What the supervisor does for it.
    struct Hands {
        std::function<const config::Generation&()> in_force;
        std::function<std::string()> reason_to_wait;  // why nothing may be changed now; "": it may
        std::function<std::uint64_t()> pending;       // the revision that comes back unless it is confirmed; 0: none
        // Brings this text of the customer's file into force.
        std::function<Report(const std::string& customer, const std::string& text, const history::Origin& origin)>
            apply;
        std::function<Report()> confirm;
        std::function<Report(const history::Origin& origin)> restore_confirmed;
    };
    // Passwords of one user, right or wrong.
    static constexpr Duration kPasswordPrice = std::chrono::seconds(30);
    static constexpr int kPasswordBurst = 5;
    // Changes by an operator, and by all users of one customer together: the history keeps 200 revisions for all,
    // which one customer's users must not fill within a day.
    static constexpr Duration kOperatorPrice = std::chrono::seconds(2);
    static constexpr Duration kCustomerPrice = std::chrono::minutes(10);
    static constexpr Duration kResellerPrice = std::chrono::minutes(2);  // by all users of one at the top
    static constexpr int kBurst = 10;
    static constexpr std::size_t kMostWaiting = 8;  // passwords
    // Requests of nobody: without a ticket that was given, or to unlock for whom there is not.
    static constexpr Duration kRefusalPrice = std::chrono::seconds(1);
    static constexpr int kRefusalBurst = 40;

    PageChanges(std::string config_directory, Hands hands);

    // Another statusd asks from now on: it has no ticket, and gets no answer to what the one before it asked.
    void begin_anew();
    // Answers at once, or later by take_unlocked().
    [[nodiscard]] std::optional<ipc::WebUnlocked> unlock(Instant now, ipc::WebUnlock request);
    // The next answer to an unlock(), if there is one.
    [[nodiscard]] std::optional<ipc::WebUnlocked> take_unlocked(Instant now);
    [[nodiscard]] Instant next_deadline(Instant now) const;
    // Checks who asks and does it.
    [[nodiscard]] ipc::WebChanged change(Instant now, const ipc::WebChange& request);
    // Since begin_anew() there were more requests of nobody than those constants say: end that statusd.
    [[nodiscard]] bool is_flooded() const { return is_flooded_; }

  private:
    [[nodiscard]] Result<access::Users> users() const;
    void start_next();
    // True: worth a line in the log.
    [[nodiscard]] bool count_refusal(Instant now);
    // `reason`: why not; "": it is done.
    void log_change(const std::string& user, const ipc::WebChange& request, const std::string& reason) const;
    [[nodiscard]] ipc::WebChanged change_for(Instant now, const access::User& user, const ipc::WebChange& request);
    [[nodiscard]] ipc::WebChanged carry_out(const access::User& user, const ipc::WebChange& request);
    [[nodiscard]] ipc::WebChanged change_file(const access::User& user, const ipc::WebChange& request);
    [[nodiscard]] std::optional<ipc::WebChanged> refuse(const access::User& user, const ipc::WebChange& request,
                                                        const config::Customer& customer) const;
    [[nodiscard]] std::optional<std::uint32_t> most_for_reseller(const config::Customer& customer) const;
    [[nodiscard]] bool takes_turn(Instant now, const access::User& user, const ipc::WebChange& request);

    struct Attempt {
        ipc::WebUnlock request;
        access::User user;     // as it was when the password came
        bool is_void = false;  // nobody waits for it
    };

    std::string directory_;
    Hands hands_;
    Tickets tickets_;
    std::deque<Attempt> attempts_;  // the first one is checked when task_ runs
    DiskTask task_;
    std::map<std::string, TokenBucket> passwords_;  // by user
    std::map<std::string, TokenBucket> turns_;      // "user NAME", "customer ID"
    TokenBucket refused_;                           // what nobody asks for
    std::uint64_t refusals_ = 0;                    // of this statusd
    bool is_flooded_ = false;
};

}  // namespace warren::stacks
