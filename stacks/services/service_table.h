// The programs that serve customers inside their stacks: which there should be, which there are, and what makes the one
// the other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/customer_group.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "config/generation.h"
#include "ipc/control_messages.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/plan/services.h"

namespace warren::stacks {

struct Confinement;

// A program that was started.
struct StartedService {
    VpndProcess process;
    UniqueFd outcome;  // where a keeper tells how it ended; invalid: it is a child of ours
};

// Notes a program for the next stackd. It exists, and runs only when this was done: an error ends it instead.
using NoteProcess = std::function<Status(const VpndProcess& process)>;

// What a service may have, and what its log may be.
inline constexpr std::uint64_t kServiceMemory = std::uint64_t{96} << 20;  // bytes, where there are control groups
inline constexpr std::uint64_t kServiceAddressSpace = std::uint64_t{256} << 20;  // bytes, where there are none
inline constexpr std::uint32_t kServiceProcesses = 4;
inline constexpr TokenRate kServiceLines{10, 50};

// One thread, in the network namespace of the uplink. It never waits for a service, but for a start, which the kernel
// (or the launcher) decides. A service outlives a stackd that is killed: RUN_DIR/services/ID.dns has its pid and when
// it started, by which the next stackd adopts it, or ends it when it is not wanted as it is.
class ServiceTable {
  public:
    using Starter = std::function<Result<StartedService>(const Confinement& confinement, const NoteProcess& note)>;
    struct Options {
        std::string run_dir;
        // Gets lines of a customer's own log, each with its end.
        std::function<void(const std::string& customer, const std::string& lines)> tell = [](const std::string&,
                                                                                             const std::string&) {};
        Starter start;                     // start_confined(), or start_launched()
        bool launcher_has_limits = false;  // of memory and processes
        // The program `name` of a Debian package; "": it is not installed.
        std::function<std::string(const std::string& name)> find_program;
        // The user that it runs as.
        std::function<Result<ServiceUser>(const std::string& program)> find_user;
        // The number of a customer's stack; nothing: there is none.
        std::function<std::optional<std::uint64_t>(const std::string& customer)> stack_of;
        std::function<Result<UniqueFd>(const std::string& customer)> open_stack;
        // Where a launcher does not limit what it starts.
        std::function<Result<CustomerGroups>()> open_groups;
    };
    // As stackd uses it. `launcher`: the socket of what starts them; "": we do. `must_stop`: waiting for it ends.
    [[nodiscard]] static Options usual(std::string run_dir, const std::string& launcher = "",
                                       std::function<bool()> must_stop = {});
    explicit ServiceTable(Options options) : options_(std::move(options)) {}

    // What there should be from now on. Adopts what an earlier stackd left. Again and again: a stack may have been made
    // anew since.
    void follow(const config::Generation& generation, Now now);
    // Readable when a process has ended, or one wrote to its log; -1: not before next_deadline(), or there is none.
    [[nodiscard]] int fd() const { return ended_.get(); }
    [[nodiscard]] int output_fd(Instant now) const { return now >= read_at_ ? outputs_.get() : -1; }
    [[nodiscard]] Instant next_deadline(Instant now) const;
    // A bounded share of what there is to do.
    void run(Now now);
    // Ends all, within about `patience`.
    void stop(Duration patience);

    // A note for each service that does not run as it should.
    [[nodiscard]] std::vector<ipc::ControlText> problems() const;
    // A fact for each service (ipc/service_facts.h), of `customer` alone unless that is "".
    [[nodiscard]] std::vector<ipc::ControlText> facts(const std::string& customer) const;

  private:
    struct Service {
        std::string customer;
        ServiceKind kind = ServiceKind::kDns;
        std::optional<WantedService> wanted;  // nothing: it goes
        std::uint32_t share = 1;              // traffic.share
        std::string in_force;                 // the text that its file has; "": none
        std::string needs_restart;            // of that text: WantedService::needs_restart
        std::string started_with;             // the stack's number, and what needs a restart
        std::string program;                  // identity of the file that it runs; "": not known
        std::optional<std::uint64_t> stack;   // that there is now
        std::optional<VpndProcess> process;
        UniqueFd outcome;  // StartedService::outcome
        bool is_stopping = false;
        bool is_replaced = false;  // by the program that an upgrade installed, which has not yet run for long enough
        Instant kill_at = kNever;
        Instant reload_at = kNever;
        std::optional<VpndProcess> checker;
        UniqueFd check_outcome;
        std::string checked;  // text that the checker reads
        Instant checker_until = kNever;
        Instant check_at = kLongAgo;
        unsigned lost_checks = 0;  // in a row, that said nothing
        std::string refused;       // text that it did not accept
        UniqueFd output;           // we read it
        TokenBucket lines;
        std::string line;  // its begin
        std::uint64_t left_out = 0;
        WallTime since;  // of its process, or of the lack of one
        Instant started_at{};
        unsigned quick_deaths = 0;  // in a row
        std::uint64_t restarts = 0;
        Instant start_at = kLongAgo;
        std::string state = "starting";
        std::string problem;  // "": none
    };
    using Entry = std::pair<const std::string, Service>;  // "acme.dns"

    [[nodiscard]] std::string directory_of(const std::string& name) const;
    // There while its process may not have read what its file says.
    [[nodiscard]] std::string unread_mark(const std::string& name) const { return directory_of(name) + "/unread"; }
    [[nodiscard]] Status prepare();
    void look_for_groups();
    void leave_group(const Service& service) const;
    Entry& add(const std::string& customer, ServiceKind kind, WallTime wall);
    void adopt_left(WallTime wall);
    // Does what can be done now. False: it is gone.
    [[nodiscard]] bool step(Entry& entry, Now now);
    void settle_check(Entry& entry, Now now);
    void settle_end(Entry& entry, Now now);
    void begin_check(Entry& entry, Now now);
    void start(Entry& entry, Now now);
    // Has it read its file anew.
    void reload(Entry& entry, Now now);
    void begin_stop(Service& service, Now now);
    [[nodiscard]] Result<StartedService> launch(Entry& entry, Now now, std::vector<std::string> arguments,
                                                bool is_check);
    [[nodiscard]] Status note_process(const std::string& name, const Service& service,
                                      const VpndProcess& process) const;
    [[nodiscard]] Status put_in_force(Entry& entry);
    [[nodiscard]] static std::string begin_of(const Service& service);
    // An upgrade has replaced its program.
    [[nodiscard]] bool is_outdated(const Service& service) const;
    // Its replacement is neither known to run nor to fail.
    [[nodiscard]] static bool is_being_replaced(const Service& service, Instant now);
    // To be tried again `pause` from now.
    void fail_check(Service& service, Now now, const std::string& state, const std::string& problem, Duration pause);
    void fail_start(Service& service, Now now, const std::string& state, const std::string& problem, Duration pause);
    void complain(Service& service, Now now, const std::string& state, const std::string& problem);
    void watch(int epoll, int fd, Entry& entry);
    void read_outputs(Now now);
    void read_output(Entry& entry, Now now);
    // Its text is neither in force nor refused.
    [[nodiscard]] static bool is_new(const Service& service);
    [[nodiscard]] static Instant deadline_of(const Service& service);

    Options options_;
    bool is_prepared_ = false;
    std::map<ServiceKind, std::string> programs_;  // identities of the files that are installed
    std::optional<CustomerGroups> groups_;         // where they can be limited
    bool has_looked_for_groups_ = false;
    UniqueFd ended_;    // epoll
    UniqueFd outputs_;  // epoll
    Instant read_at_ = kLongAgo;
    std::map<std::string, Service> services_;  // both have addresses of its nodes
    std::size_t starts_left_ = 0;              // in this run
    bool has_more_ = false;                    // to start
    Instant starts_at_ = kLongAgo;             // none before
    std::size_t replaced_ = 0;                 // that are being replaced, at the begin of this run
    Instant replace_at_ = kNever;              // look for more to replace
};

}  // namespace warren::stacks
