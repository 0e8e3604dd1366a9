// The inside of the engine: one file for each exchange, and for what they share.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/token_bucket.h"
#include "vpnd/control/deadline_heap.h"
#include "vpnd/control/refusals.h"
#include "vpnd/ike/attempts.h"
#include "vpnd/ike/cookie.h"
#include "vpnd/ike/directory.h"
#include "vpnd/ike/eap_limits.h"
#include "vpnd/ike/engine.h"
#include "vpnd/ike/ephemerals.h"
#include "vpnd/ike/half_open.h"
#include "vpnd/ike/ike_sa.h"
#include "vpnd/ike/keys.h"
#include "vpnd/ike/limits.h"
#include "vpnd/ike/once.h"
#include "vpnd/ike/reader.h"
#include "vpnd/ike/sa_keeper.h"
#include "vpnd/ike/writer.h"

namespace warren::ike {

// One call from outside.
struct Call {
    Now now;
    control::Output& out;
    [[nodiscard]] Instant instant() const { return now.instant; }
};

// A message that is authentic, or IKE_SA_INIT's.
struct Incoming {
    const control::Arrival& arrival;
    const Header& header;
    const Payloads& payloads;
    Answer* answer = nullptr;  // to what the step asked before
};

// What an IKE_AUTH request says of a postquantum preshared key.
enum class PpkUse : std::uint8_t {
    kNone,     // nothing
    kMixed,    // it is in the keys
    kWithout,  // we do not have it, and the peer goes without it: NO_PPK_AUTH proves who it is
    kRefused,  // one side must have it, and the other has not
};

// What becomes of a child.
struct ChildPlan {
    const ChildConfig* config = nullptr;
    ChildSelectors selectors;
    ChildChoice choice;
    std::uint8_t flow = 0;
};
template <typename T>
using OrNotify = tl::expected<T, NotifyType>;

struct NewChild {
    SessionId ours;
    std::uint32_t theirs = 0;
    const ChildConfig* config = nullptr;
    ChildSuite suite;
    ChildSelectors selectors;
    std::uint8_t flow = 0;
    bool we_asked = false;
    dataplane::SendWhen send_when = dataplane::SendWhen::kNow;
    const crypto::SharedSecret* secret = nullptr;
    Nonces nonces;
};

// What the engine keeps of one of a connection's children, over all its SAs.
struct PeerRecord {
    PeerIndex peer;
    std::uint32_t session = 0;
    bool has_session = false;
    control::LostBecause lost_because = control::LostBecause::kSilent;
    Now latest{kLongAgo, {}};  // when an SA was made
    Instant last_heard = kLongAgo;
    Instant last_sent = kLongAgo;
    Instant not_before = kLongAgo;   // the peer refused it: no child is asked for before
    std::vector<Prefix> prefixes{};  // that lead to it beside those of the customer's view, in order
};

// One peer of a connection, over all its IKE_SAs: rekeys, and one that takes another's place.
struct Session {
    Identity identity;                   // the last one's, when it is free
    std::vector<std::uint32_t> ike_sas;  // slots; none: it is free
    Instant begun = kLongAgo;
    Instant free_since = kLongAgo;
    Lease lease;  // given back when it is free
};

struct ConnectionEntry {
    ConnectionIndex index;
    std::vector<std::uint32_t> ike_sas;  // slots, in any state from kInitSent on, or from kEstablished on as responder
    std::vector<Session> sessions;       // those that were used so far, max_sessions at most
    std::vector<PeerRecord> peers;       // one for each child and session, by `peer`
    Pool pool;
    Attempts attempts;
    Instant next_attempt = kNever;
    unsigned failures = 0;  // of ours, one after the other
    std::uint64_t all_failures = 0;
    std::uint64_t rekeys = 0;  // of its IKE_SAs
    bool is_stopped = false;
    bool was_up = false;
    std::vector<std::uint64_t> closed;  // our SPIs of those that repeat their last answer, oldest first; some are gone
    control::LostBecause lost_because = control::LostBecause::kSilent;

    // Of ike_sas, those of a session.
    [[nodiscard]] const std::vector<std::uint32_t>& slots_of(std::uint32_t session) const;
};

struct Engine::State {
    State(Settings with, control::IndexTable& index_table, crypto::RandomSource& random_source);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // --- tables (tables.cc) ------------------------------------------------------------------------

    IkeSa& add_sa();
    // Of a slot; null when it is free.
    IkeSa* at(std::uint32_t slot) { return slot < sas.size() ? sas[slot].get() : nullptr; }
    IkeSa* find(const Header& header);
    [[nodiscard]] std::uint64_t new_spi();
    void name(IkeSa& sa, std::uint64_t our_spi);  // puts it into the table of SPIs
    // Its sessions are retired, nothing is sent. It stays readable until finish().
    void remove_sa(Call& call, IkeSa& sa, control::LostBecause because);
    // What has changed is looked at again by finish(): wishes, deadlines.
    void touch(IkeSa& sa) {
        sa.is_changed = true;
        look_at(sa);
    }
    // The same where nothing has changed that a successor of this process has to know.
    void look_at(const IkeSa& sa) { touched.push_back(sa.slot); }
    // At the end of every call from outside.
    void finish(Call& call);
    void schedule(IkeSa& sa);
    void schedule(const ConnectionEntry& entry);
    ConnectionEntry* entry_of(ConnectionIndex connection);
    const ConnectionEntry* entry_of(ConnectionIndex connection) const;
    ConnectionEntry* entry_of(PeerIndex peer);
    static PeerRecord* record_of(ConnectionEntry& entry, PeerIndex peer);
    [[nodiscard]] static const ChildConfig* child_config(const Connection& connection, std::string_view name);
    [[nodiscard]] static const ChildConfig* child_of_peer(const Connection& connection, const PeerRecord& record);
    [[nodiscard]] static std::string_view first_child(const Connection& connection) {
        return connection.children.empty() ? std::string_view() : connection.children.front().name;
    }
    void count(DropReason reason) { drops.add(reason); }
    [[nodiscard]] bool is_room_for_sa(const ConnectionEntry& entry, const Connection& connection) const;
    // What is to go makes room. False: there is none all the same.
    [[nodiscard]] bool make_room_for_sa(Call& call, ConnectionEntry& entry, const Connection& connection);

    // --- sessions (sessions.cc) --------------------------------------------------------------------

    // An IKE_SA is its connection's and its session's from now on; or not any more.
    static void join(ConnectionEntry& entry, const IkeSa& sa);
    static void leave(Call& call, ConnectionEntry& entry, const IkeSa& sa);
    // Which session a peer has that is authentic now, at sa.remote. Nothing: all are taken.
    [[nodiscard]] std::optional<std::uint32_t> take_session(Call& call, ConnectionEntry& entry,
                                                            const Connection& connection, const IkeSa& sa,
                                                            const Identity& peer, bool is_initial_contact);
    [[nodiscard]] static std::optional<std::uint32_t> find_free_session(const ConnectionEntry& entry,
                                                                        const Connection& connection,
                                                                        const Identity& peer);
    void begin_session(Call& call, ConnectionEntry& entry, const Connection& connection, std::uint32_t number,
                       const Identity& peer);
    void free_session(Call& call, ConnectionEntry& entry, std::uint32_t number, bool is_forgotten);
    // What a child may carry with that peer.
    [[nodiscard]] ChildSelectors allowed(const IkeSa& sa, const Connection& connection, const ChildConfig& child);
    // Leases addresses to a peer that asks for them, and appends what it is told. A notification: why it has none.
    [[nodiscard]] std::optional<NotifyType> configure(Call& call, const IkeSa& sa, const Connection& connection,
                                                      const Payloads& payloads, Chain& chain);
    // Prefixes lead to the peer as its children are now.
    void lead(Call& call, const ConnectionEntry& entry, PeerRecord& record);
    void lead_anew(Call& call, ConnectionEntry& entry, bool has_other_workers);

    // --- connections (connections.cc) --------------------------------------------------------------

    void put_customer(Call& call, CustomerConfig config);
    void put_connection(Call& call, Connection config);
    void put_records(ConnectionEntry& entry, const Connection& connection);
    void remove_connection(Call& call, ConnectionIndex connection);
    void update_children(Call& call, ConnectionEntry& entry, const Connection& before);
    void tell_endpoints(Call& call, const Connection& connection);
    // Sends a Delete where there are keys, and forgets the children at once.
    void end_sa(Call& call, IkeSa& sa, control::LostBecause because);
    void end_all(Call& call, ConnectionEntry& entry, control::LostBecause because);
    void touch_all(const ConnectionEntry& entry);
    // `in_place_of_another`: an IKE_SA that is there is no reason not to.
    bool begin(Call& call, ConnectionEntry& entry, std::string_view child, std::optional<dataplane::FlowKey> packet,
               bool in_place_of_another = false);
    // An attempt of ours has failed: when the next may come.
    void note_failure(Call& call, ConnectionEntry& entry);
    void want_connection(Call& call, ConnectionEntry& entry, Duration after);
    // A new IKE_SA is authentic: what becomes of others with the same peer.
    void settle_duplicates(Call& call, IkeSa& sa, bool is_initial_contact);
    // `attempt`: what is known beside the peer's place and identity.
    void note_attempt(Call& call, const IkeSa& sa, std::optional<DropReason> failure, std::string detail = {},
                      Attempt attempt = {}, const Finding* finding = nullptr);
    void note_stranger(Call& call, AttemptNote note);
    // What people see of it is another.
    static void note_changed(Call& call, const ConnectionEntry& entry);

    // --- messages in (receive.cc) ------------------------------------------------------------------

    // True: it was an ESP packet.
    bool handle_packet(Call& call, const control::Arrival& arrival, Bytes datagram);
    void handle_datagram(Call& call, const control::Arrival& arrival, Bytes datagram);
    // Without its non-ESP marker; nothing when there should be one and is not. `is_counted`: then.
    [[nodiscard]] std::optional<Bytes> message_of(const control::Arrival& arrival, Bytes datagram, bool is_counted);
    void refuse_header(Call& call, const control::Arrival& arrival, Bytes message, const Flaw& flaw);
    void handle_unknown(Call& call, const control::Arrival& arrival, const Header& header);
    void handle_protected(Call& call, IkeSa& sa, const control::Arrival& arrival, const Header& header, Bytes bytes);
    void wait_for_keys(Call& call, IkeSa& sa, const control::Arrival& arrival, const Header& header, Bytes bytes);
    [[nodiscard]] std::optional<Held> open_message(Call& call, IkeSa& sa, const control::Arrival& arrival,
                                                   const Message& message);
    void handle_hint(Call& call, IkeSa& sa, const Message& message);
    void heard(Call& call, IkeSa& sa, const control::Arrival& arrival, bool is_new_request);
    // Again with the answer when it asked before.
    void process(Call& call, IkeSa& sa, Held held, Answer* answer);
    void refuse_payloads(Call& call, IkeSa& sa, const Held& held, const Flaw& flaw);
    [[nodiscard]] std::optional<Question> run(Call& call, IkeSa& sa, Step step, const Incoming& in);

    // --- messages out (send.cc) --------------------------------------------------------------------

    void send(Call& call, const Endpoint& to, const LocalAddress& from, std::uint16_t from_port, Bytes message);
    void send_all(Call& call, IkeSa& sa, const Datagrams& datagrams);
    [[nodiscard]] Datagrams sealed(IkeSa& sa, ExchangeType exchange, bool is_response, std::uint32_t id,
                                   const Chain& chain);
    void send_request(Call& call, IkeSa& sa, ExchangeType exchange, const Chain& chain);
    // To where the request came from.
    void respond(Call& call, IkeSa& sa, const Incoming& in, const Chain& chain);
    void respond(Call& call, IkeSa& sa, const Incoming& in, const Notify& notify);
    void repeat_response(Call& call, IkeSa& sa, const control::Arrival& arrival);
    // A first message's answer in the clear, while there is a budget.
    void answer_unprotected(Call& call, const control::Arrival& arrival, const Header& to, const Notify& notify);
    void add_nat_detection(Chain& chain, const IkeSpis& spis, const LocalAddress& ours, std::uint16_t our_port,
                           const Endpoint& peer) const;
    void detect_nat(IkeSa& sa, const Payloads& payloads, const IkeSpis& spis, const control::Arrival& arrival) const;

    // --- asks (asks.cc) ----------------------------------------------------------------------------

    [[nodiscard]] bool is_room_for_ask(const IkeSa& sa) const;
    // False, and counted: there is no room. To be asked before what goes into a question is moved.
    [[nodiscard]] bool may_ask(const IkeSa& sa);
    // may_ask() was said.
    void ask(Call& call, IkeSa& sa, AskFor what_for, Question question);
    void close_ask(IkeSa& sa);
    void handle_answer(Call& call, AskId id, Answer answer);
    void handle_answer(Call& call, IkeSa& sa, AskFor what_for, Answer answer);
    // Takes up what has arrived while an ask was open, when there is none any more.
    void take_waiting(Call& call, IkeSa& sa);
    void ask_failed(Call& call, IkeSa& sa, AskFor what_for);
    struct OpenAsk {
        std::uint32_t slot = UINT32_MAX;  // UINT32_MAX: an ephemeral key for later
        std::optional<IpAddress> prefix{};
        CustomerIndex customer{};
        bool is_strangers = false;
    };
    [[nodiscard]] AskId open_ask(OpenAsk ask, Question question);
    // One made beforehand; nothing when there is none.
    [[nodiscard]] std::optional<crypto::EphemeralKey> take_ephemeral(Instant now, crypto::KeyExchangeMethod method);
    void forget_late_ephemerals(Instant now);

    // --- IKE_SA_INIT (init.cc) ---------------------------------------------------------------------

    void handle_init_request(Call& call, const control::Arrival& arrival, const Header& header, Bytes bytes);
    // The checks of a request before anything is kept; nothing: it was refused, and counted.
    [[nodiscard]] std::optional<IkeChoice> check_init(Call& call, const control::Arrival& arrival,
                                                      const Message& message, bool& has_cookie);
    [[nodiscard]] bool admit(Call& call, const control::Arrival& arrival, const Message& message, bool& has_cookie);
    [[nodiscard]] std::optional<IkeChoice> choose(Call& call, const control::Arrival& arrival, const Message& message);
    void send_init_response(Call& call, IkeSa& sa);
    void begin_init(Call& call, IkeSa& sa);
    void send_init_request(Call& call, IkeSa& sa, bool is_first);
    void handle_init_response(Call& call, IkeSa& sa, const control::Arrival& arrival, Bytes bytes);
    void take_init(Call& call, IkeSa& sa, const control::Arrival& arrival, const Message& message);
    void take_init_refusal(Call& call, IkeSa& sa, const Message& message);
    void derive_keys(IkeSa& sa, const crypto::SharedSecret& secret);
    [[nodiscard]] std::array<std::uint8_t, 16> init_key_of(const control::Arrival& arrival, Bytes bytes) const;

    // --- IKE_AUTH (auth.cc) ------------------------------------------------------------------------

    [[nodiscard]] std::optional<Question> answer_auth(Call& call, IkeSa& sa, const Incoming& in);
    void refuse_auth(Call& call, IkeSa& sa, const Incoming& in, const Finding& finding, DropReason reason,
                     std::string detail = {});
    // The peer is authentic: the connection's IKE_SA, with what `in` asks for. False: the connection has too many, and
    // nothing has changed.
    [[nodiscard]] bool admit(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer,
                             const Incoming& in, Chain& chain);
    void establish(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer);
    void limit_proof(IkeSa& sa, Instant now, Duration life);
    void ask_our_auth(Call& call, IkeSa& sa);
    // `certificates`: ours, with a signature.
    void send_auth(Call& call, IkeSa& sa, AuthMethod method, Bytes data, const CertificateChain& certificates);
    [[nodiscard]] std::optional<Question> take_auth(Call& call, IkeSa& sa, const Incoming& in);
    void take_peer(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer, const Incoming& in);
    void refuse_responder(Call& call, IkeSa& sa, DropReason reason, const Identity& peer, std::string detail = {});
    void take_auth_refusal(Call& call, IkeSa& sa, const Incoming& in);
    void fail_attempt(Call& call, IkeSa& sa, DropReason reason, std::string detail);

    // --- certificates (cert_auth.cc) ---------------------------------------------------------------

    // The peer has signed its AUTH.
    [[nodiscard]] std::optional<Question> answer_signature(Call& call, IkeSa& sa, const Incoming& in);
    [[nodiscard]] std::optional<Question> take_verdict(Call& call, IkeSa& sa, const Incoming& in,
                                                       const std::vector<Finding>& found, const Finding& nobody,
                                                       const VerifyPeerAnswer& verified);
    void limit_to_certificate(const Call& call, IkeSa& sa, WallTime not_after);

    // --- whether those who are here may still be (proof.cc) ------------------------------------------

    void prove_again(Call& call, ConnectionEntry& entry);
    [[nodiscard]] static SecretId prover_of(const IkeSa& sa, const Connection& connection);
    [[nodiscard]] static Instant proof_due(const IkeSa& sa);
    void start_proof(Call& call, IkeSa& sa);
    void take_proof(Call& call, IkeSa& sa, const Answer& answer);

    [[nodiscard]] std::optional<Question> take_signature(Call& call, IkeSa& sa, const Incoming& in,
                                                         const Connection& connection, const Identity& peer);
    [[nodiscard]] static SignAsk sign_ask(const IkeSa& sa, SecretId signer, const Identity& ours);
    // For the peer's certificate. `customer`: whose CAs it may be of; null: nobody knows.
    static void add_certificate_request(Chain& chain, const CustomerConfig* customer);
    // The customer of a half-open IKE_SA, as far as its addresses say it; null: they do not.
    [[nodiscard]] const CustomerConfig* customer_at(const IkeSa& sa) const;

    // --- EAP (eap_relay.cc) ------------------------------------------------------------------------

    [[nodiscard]] std::optional<Question> begin_eap(Call& call, IkeSa& sa, const Incoming& in);
    [[nodiscard]] std::optional<Question> relay_eap(Call& call, IkeSa& sa, const Incoming& in);
    // False: it is not the answer to our question for a name.
    [[nodiscard]] bool take_name(IkeSa& sa, const Incoming& in, Bytes message);
    void answer_eap_auth(Call& call, IkeSa& sa, const Incoming& in);
    void take_eap_end(Call& call, IkeSa& sa, const Incoming& in);
    // `message`: EAP's own; empty: there is none.
    void refuse_eap(Call& call, IkeSa& sa, const Incoming& in, DropReason reason, std::string detail,
                    Bytes message = {});
    void note_eap(Call& call, IkeSa& sa, const Endpoint& from, DropReason reason, std::string detail);
    // It is over, whatever has come of it.
    void end_eap(IkeSa& sa);

    // --- children (child.cc: as responder; create.cc: as initiator; install.cc: sessions) -----------

    [[nodiscard]] OrNotify<ChildPlan> plan_child(Call& call, IkeSa& sa, const Connection& connection,
                                                 const Payloads& payloads, Pfs pfs, const ChildSa* rekeyed);
    void answer_first_child(Call& call, IkeSa& sa, const Connection& connection, const Incoming& in, Chain& chain);
    [[nodiscard]] std::optional<Question> answer_child(Call& call, IkeSa& sa, const Incoming& in);
    [[nodiscard]] std::optional<Question> answer_child_with(Call& call, IkeSa& sa, const Incoming& in,
                                                            const Connection& connection, ChildSa* rekeyed);

    // `group`: the one that the peer wants instead of ours; null: ours.
    void begin_request(Call& call, IkeSa& sa, const Wish& wish, const Algorithm* group = nullptr);
    void send_create(Call& call, IkeSa& sa);
    [[nodiscard]] bool prepare_child(IkeSa& sa, const Connection& connection);
    // Nothing waits for a response any more; what it had reserved is released.
    void drop_request(IkeSa& sa);
    // Its response has come. The SPI that it had reserved is the caller's.
    [[nodiscard]] std::unique_ptr<Request> take_request(IkeSa& sa);
    [[nodiscard]] std::optional<Question> take_created(Call& call, IkeSa& sa, const Incoming& in);
    [[nodiscard]] std::optional<Question> take_child(Call& call, IkeSa& sa, const Incoming& in);
    void take_new_child(Call& call, IkeSa& sa, NewChild child, const Request& request, const LowestNonce& nonce);
    void take_refusal(Call& call, IkeSa& sa, const Incoming& in);
    void delete_refused_child(IkeSa& sa, SessionId spi);
    bool take_first_child(Call& call, IkeSa& sa, const Connection& connection, const Incoming& in);

    [[nodiscard]] SessionId new_child_spi(const IkeSa& sa, const ChildConfig& config);
    ChildSa& install(Call& call, IkeSa& sa, NewChild child);
    // Of a child that is new, or goes on: when it is sent on, and its counters, are the caller's.
    [[nodiscard]] dataplane::InstallSession session_of(const IkeSa& sa, const Connection& connection,
                                                       const ChildSa& child) const;
    [[nodiscard]] std::optional<std::uint8_t> flow_for(const IkeSa& sa, PeerIndex peer,
                                                       const ChildSelectors& selectors);
    [[nodiscard]] bool is_flow_sent_on(const IkeSa& sa, PeerIndex peer, std::uint8_t flow);
    void note_sent_on(IkeSa& sa, ChildSa& child);
    void confirm(Call& call, IkeSa& sa, ChildSa& child);
    // The session goes; what should carry its packets then is sent on.
    void retire(Call& call, IkeSa& sa, SessionId ours, control::LostBecause because);
    void post(Call& call, std::uint32_t worker, dataplane::Command command);
    void retire_session(Call& call, SessionId ours, std::uint32_t worker);
    // Its packets that are on their way are still received.
    void retire_soon(Call& call, const ChildSa& replaced);
    void retire_leaving(Call& call, PeerIndex peer);
    void retire_due(Call& call);
    void move_endpoint(Call& call, IkeSa& sa);
    void note_lost(Call& call, ConnectionEntry& entry, PeerRecord& record, control::LostBecause because);

    // --- rekeys of IKE_SAs (rekey.cc) --------------------------------------------------------------

    [[nodiscard]] std::optional<Question> answer_ike_rekey(Call& call, IkeSa& sa, const Incoming& in);
    [[nodiscard]] std::optional<Question> take_ike_rekey(Call& call, IkeSa& sa, const Incoming& in);
    IkeSa& make_successor(Call& call, const IkeSa& old, bool we_asked, const IkeSpis& spis, const IkeSuite& suite,
                          const crypto::SharedSecret& secret, const Nonces& nonces);
    void move_children(IkeSa& from, IkeSa& to);

    // --- what outlives the process (keep.cc: for a successor; resume.cc: of a predecessor) ----------

    [[nodiscard]] SaOwner owner_of(const IkeSa& sa, const Connection& connection) const;
    // As it is now; or not any more.
    void keep(IkeSa& sa);
    void stop_keeping(IkeSa& sa);
    void keep_in(SaKeeper* places, const control::SessionKeeper* counters);
    // The connection is new: its IKE_SAs of an earlier process go on, as far as they are still what is configured.
    void resume(Call& call, ConnectionEntry& entry);
    [[nodiscard]] bool may_resume(const Call& call, const ConnectionEntry& entry, const Connection& connection,
                                  const SaRecord& record) const;
    [[nodiscard]] bool resume_session(ConnectionEntry& entry, const Connection& connection, const SaRecord& record);
    IkeSa& add_inherited(Call& call, IkeSa inherited);
    // Returns its slot.
    std::uint32_t resume_sa(Call& call, ConnectionEntry& entry, const Connection& connection, std::uint32_t place,
                            IkeSa inherited);
    [[nodiscard]] bool resume_child(Call& call, const IkeSa& sa, const Connection& connection, ChildSa& child);
    void settle_resumed(Call& call, ConnectionEntry& entry, const Connection& connection,
                        const std::vector<std::uint32_t>& resumed);
    void resume_packets(Call& call, const IkeSa& sa, const Connection& connection, const ChildSa& child);
    // Of those that nothing took over. Returns how many there were.
    std::size_t end_rest(Call& call);
    // A response to a request of an earlier process.
    void take_orphan(Call& call, IkeSa& sa);

    // --- INFORMATIONAL (inform.cc) -----------------------------------------------------------------

    void answer_informational(Call& call, IkeSa& sa, const Incoming& in);
    void take_informational(Call& call, IkeSa& sa, const Incoming& in);
    void send_delete_ike(Call& call, IkeSa& sa);
    void send_delete_child(Call& call, IkeSa& sa);
    // Its last answer was sent: that is repeated for a while, all else is over.
    void close(Call& call, IkeSa& sa, control::LostBecause because);

    // --- postquantum preshared keys (ppk.cc) -------------------------------------------------------

    [[nodiscard]] static PpkUse ppk_use_of(const IkeSa& sa, const Payloads& payloads, const Connection* connection);
    [[nodiscard]] static PpkMixAsk ppk_question(const IkeSa& sa, const Connection* connection);
    static void take_mixed(IkeSa& sa, PpkMixAnswer& mixed);
    void take_our_mixed(Call& call, IkeSa& sa, PpkMixAnswer mixed);
    static void add_ppk(Chain& chain, const IkeSa& sa, const Connection& connection);
    [[nodiscard]] static std::optional<bool> responder_uses_ppk(const IkeSa& sa, const Payloads& payloads,
                                                                const Connection& connection);

    // --- MOBIKE (mobike.cc) ------------------------------------------------------------------------

    bool agree_on_mobike(IkeSa& sa, const Connection& connection, const Payloads& payloads);
    void answer_mobike(Call& call, IkeSa& sa, const Incoming& in, Chain& chain);
    [[nodiscard]] bool may_be_at(const IkeSa& sa, const control::Arrival& arrival);
    void move_to(Call& call, IkeSa& sa, const control::Arrival& arrival);
    void send_path_test(Call& call, IkeSa& sa);
    void take_path_test(Call& call, IkeSa& sa, const Request& request, const Payloads& payloads);

    // --- wishes and time (timers.cc) ---------------------------------------------------------------

    // Unless it is wished already.
    void want(IkeSa& sa, Wish wish);
    void want_missing_children(Call& call, IkeSa& sa, Duration after);
    void start_next(Call& call, IkeSa& sa);
    void on_due(Call& call, IkeSa& sa);
    void on_due(Call& call, ConnectionEntry& entry);
    void reauthenticate(Call& call, IkeSa& sa, const Connection& connection);
    void on_children_due(Call& call, IkeSa& sa);
    void on_silence(Call& call, IkeSa& sa);
    void on_ended(Call& call, IkeSa& sa);
    void handle_event(Call& call, const dataplane::Event& event);
    void on_need(Call& call, ConnectionEntry& entry, const dataplane::NeedSession& need);
    [[nodiscard]] Instant deadline_of(const IkeSa& sa);
    [[nodiscard]] Instant probe_due(const IkeSa& sa, const Connection& connection);
    [[nodiscard]] Instant keepalive_due(const IkeSa& sa);
    [[nodiscard]] Instant soft_deadline(Instant now, Duration life);

    Settings settings;
    SaKeeper* kept_sas = nullptr;                           // null: they end with this process
    const control::SessionKeeper* kept_sessions = nullptr;  // with kept_sas
    control::IndexTable& indexes;
    crypto::RandomSource& random;
    Directory directory;

    std::vector<std::unique_ptr<IkeSa>> sas;  // by slot
    std::vector<std::uint32_t> free_slots;
    std::vector<std::unique_ptr<IkeSa>> graveyard;  // removed in this call
    std::vector<std::uint32_t> touched;
    std::vector<std::uint32_t> changed;                        // of these, what is to be kept
    std::unordered_map<std::uint64_t, std::uint32_t> by_spi;   // ours, random
    std::unordered_map<std::uint64_t, std::uint32_t> by_init;  // by the first half of Setup::init_key
    std::vector<std::unique_ptr<ConnectionEntry>> entries;     // by ConnectionIndex
    std::vector<ConnectionIndex> connection_of_peer;           // by PeerIndex
    control::DeadlineHeap deadlines;                           // of IKE_SAs, by slot
    control::DeadlineHeap connection_deadlines;
    std::vector<std::uint32_t> due;

    HalfOpen half_open;
    EapLimits eap_limits;
    CookieSecrets cookies;
    TokenBucket unprotected_answers;
    TokenBucket cookie_answers;
    TokenBucket stranger_notes;
    TokenBucket pace;  // of our first messages
    Once invalid_spi;
    Instant last_invalid_version = kLongAgo;
    std::array<std::uint8_t, 16> init_hash_key{};

    Ephemerals ephemerals;
    std::unordered_map<AskId, OpenAsk> open_asks;
    std::unordered_map<IpAddress, std::size_t, control::KeyedHash> asks_of_prefix;
    std::unordered_map<CustomerIndex, std::size_t> asks_of_customer;
    std::size_t asks_of_strangers = 0;
    struct ForLater {
        AskId id = 0;
        crypto::KeyExchangeMethod method{};
        Instant until;
    };
    // A session whose child is gone.
    struct Leaving {
        SessionId ours;
        PeerIndex peer;
        std::uint32_t worker = 0;
        Instant until;
    };
    std::deque<Leaving> leaving;     // in the order of their times
    std::deque<ForLater> for_later;  // ephemeral keys that are being made, some are there by now
    std::vector<Ask> outbox;
    Instant next_proof = kLongAgo;  // of all IKE_SAs that are to be proven again, when the next one's turn is
    AskId last_ask = 0;

    Attempts strangers;
    control::Refusals refusals;
    DropCounters drops;
    std::uint64_t begun = 0;
    std::uint64_t completed = 0;
};

// The key exchange that the first proposal has first; null: none.
[[nodiscard]] const Algorithm* first_group(const std::vector<Proposal>& offered);
[[nodiscard]] bool is_offered(const std::vector<Proposal>& offered, const Algorithm& group);

}  // namespace warren::ike
