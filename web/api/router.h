// From a request to its answer: all routes and their permissions. Pure: a password check and a stream are returned as
// values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/token_bucket.h"
#include "ipc/web_changes.h"
#include "ipc/web_look.h"
#include "web/api/views.h"
#include "web/login/gate.h"
#include "web/login/shares.h"
#include "web/model/census.h"
#include "web/model/http.h"
#include "web/model/page.h"
#include "web/model/past.h"
#include "web/model/system_facts.h"

namespace warren::web {

// An open event stream and its position. The server keeps it while the connection is open.
struct Stream {
    Shares::Place place;
    Scope scope;
    Gate::Credential credential;
    std::uint64_t since = 0;  // tick
    std::uint64_t since_event = 0;
    bool must_reset = false;  // the client must load everything again
};

// What stackd is asked for; then finish_ask() has the answer.
struct Ask {
    std::variant<ipc::WebUnlock, ipc::WebChange, ipc::WebLook> what;  // without its id
    Gate::Credential credential;
    std::string user;
    // Of a look: it is no change, and has a place of its own.
    struct Looking {
        Shares::Place place;
        Viewer viewer;
        std::uint64_t renames_heard = 0;  // when it was asked
    };
    std::optional<Looking> looking{};
};
using Answer = std::variant<ipc::WebUnlocked, ipc::WebChanged, ipc::WebLooked>;

// A question that only the database of the past can answer, in another thread: Router::finish_past() makes the reply.
struct PastQuery {
    Shares::Place place;
    PastQuestion question;
    std::vector<Event> newer;  // EventQuestion: what the census has, latest first
    std::size_t limit = 0;
};

using Outcome = std::variant<Reply, Stream, PasswordCheck, Ask, PastQuery>;

// An entry for the log of logins.
struct Audit {
    std::string event;  // "login", "login_failed", "login_delayed", "logout"
    std::string user;
    std::string remote;
};

// The references must outlive it, and it must outlive its streams. Not thread-safe.
class Router {
  public:
    static constexpr Shares::Limits kStreams{256, 16, 160, 224};
    static constexpr Shares::Limits kPast{64, 8, 32, 48};     // questions to the database of the past
    static constexpr Shares::Limits kLooking{32, 4, 16, 24};  // questions to stackd about a stack, at a time
    // And how many in a second: of each user or customer, and of all who are not operators.
    static constexpr TokenRate kLooks{2, 6};
    static constexpr TokenRate kLooksOfOthers{10, 20};
    static constexpr Duration kLookLasts = std::chrono::seconds(2);  // it answers others who ask
    static constexpr std::size_t kMostLooks = 64;                    // that are kept so long
    static constexpr std::size_t kMaxPage = 500;

    // `life`: identifies this run of statusd in the message ids of streams.
    Router(const Census& census, Gate& gate, const SystemFacts& facts, std::span<const PageFile> page, std::string life)
        : census_(census), gate_(gate), facts_(facts), page_(page), life_(std::move(life)) {}

    [[nodiscard]] Outcome handle(Now now, const Request& request);
    [[nodiscard]] Reply finish_login(Now now, const PasswordCheck& check, bool matched);
    // Too many logins wait: the answer to one that was not checked.
    [[nodiscard]] Reply abandon_login(const PasswordCheck& check);
    // `answer`: nothing when stackd does not answer, or too many wait.
    [[nodiscard]] Reply finish_ask(Now now, const Ask& ask, const std::optional<Answer>& answer);
    // The answer of the database, or that there is none.
    [[nodiscard]] Reply finish_past(const PastQuery& query, const Result<PastAnswer>& answer, Now now) const;
    // A GET from root, who sees all: it came over a socket that only root can open.
    [[nodiscard]] Outcome handle_local(Now now, const std::string& target);
    // Who sends a request; nothing without a valid credential. Does not extend the session.
    [[nodiscard]] std::optional<Viewer> viewer_of(Now now, const Request& request);
    [[nodiscard]] std::size_t streams() const { return streams_.size(); }

    // The next message of a stream; advances its position. Nothing when its credential is no longer valid: the stream
    // ends.
    [[nodiscard]] std::optional<std::string> next_message(Now now, Stream& stream);

    [[nodiscard]] std::vector<Audit> drain_audits() { return std::exchange(audits_, {}); }

  private:
    // An authenticated request.
    struct Call {
        Now now;
        const Request& request;
        const Target& target;
        const Viewer& viewer;
        const Gate::Credential& credential;
    };

    [[nodiscard]] bool is_our_host(const std::string& name) const;
    [[nodiscard]] Reply page_file(const Request& request, const Target& target) const;
    [[nodiscard]] Reply wrong_host(const Request& request) const;
    [[nodiscard]] Outcome post(Now now, const Request& request, const Target& target);
    [[nodiscard]] Outcome login(Now now, const Request& request);
    // router_changes.cc: what changes something.
    [[nodiscard]] Outcome change(Now now, const Request& request, const Target& target);
    [[nodiscard]] static Outcome unlock(const Call& call);
    [[nodiscard]] static Outcome change_customer(const Call& call);
    [[nodiscard]] static Outcome settle_pending(const Call& call);
    [[nodiscard]] Outcome get(const Call& call);
    [[nodiscard]] Outcome get_customer(const Call& call);
    [[nodiscard]] Reply customers(const Call& call) const;
    [[nodiscard]] Outcome get_connection(const Call& call, const CustomerEntry& customer);
    [[nodiscard]] Reply connections(const Call& call, const CustomerEntry& customer) const;
    [[nodiscard]] Reply peers(const Call& call, const CustomerEntry& customer) const;
    [[nodiscard]] Outcome timeseries(const Call& call, const Series& series, const std::string& customer);
    [[nodiscard]] static Reply recent(const Call& call, const Series& series);
    [[nodiscard]] Outcome events(const Call& call);
    [[nodiscard]] Outcome event_list(const Call& call, const std::string& customer);
    // router_find.cc
    [[nodiscard]] Reply find(const Call& call) const;
    [[nodiscard]] Reply top(const Call& call) const;
    [[nodiscard]] Reply soon(const Call& call) const;
    // router_past.cc
    [[nodiscard]] Outcome outages(const Call& call, const std::string& customer);
    [[nodiscard]] Outcome traffic(const Call& call, const std::string& customer);
    // Those whose past the viewer may see; empty: all, or none for who does not see all. What is not served has an id
    // of which nobody knows whose it will be: its past is for who sees all.
    [[nodiscard]] std::vector<std::string> customers_of(const Viewer& viewer, const std::string& customer) const;
    [[nodiscard]] bool is_served(const std::string& id) const;
    [[nodiscard]] Outcome ask_past(const Call& call, PastQuestion question, std::vector<Event> newer = {},
                                   std::size_t limit = 0);
    // router_looks.cc: what stackd knows of a stack now.
    [[nodiscard]] Outcome look(const Call& call, const CustomerEntry& customer);
    [[nodiscard]] bool takes_look(const Call& call);
    [[nodiscard]] Reply finish_look(Now now, const Ask& ask, const ipc::WebLooked& looked);
    // router_revisions.cc
    [[nodiscard]] Reply revisions(const Call& call, const std::string& customer) const;
    [[nodiscard]] Reply revision(const Call& call) const;
    [[nodiscard]] Outcome open_stream(const Call& call, const std::string& customer);
    [[nodiscard]] Reply ready(const Viewer& viewer, Now now) const;

    const Census& census_;
    Gate& gate_;
    const SystemFacts& facts_;
    std::span<const PageFile> page_;
    std::string life_;
    std::vector<Audit> audits_;
    Shares streams_{kStreams};
    Shares past_{kPast};
    struct Look {
        Instant at{};
        ipc::WebLooked looked;
    };
    Shares looking_{kLooking};
    std::map<std::string, TokenBucket> looks_of_;  // by part_of()
    TokenBucket looks_of_others_;
    std::map<std::string, Look> looks_;  // by id at stackd, as of these renames
    std::uint64_t looks_renames_ = 0;
};

}  // namespace warren::web
