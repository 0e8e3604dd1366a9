// The commands of vpnctl: one table, from which running, help, completion and the usage errors are made.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warren::ctl {

// How vpnctl exits (docs/man/vpnctl.1.scd).
enum ExitStatus : int {
    kDone = 0,
    kAnswerIsNo = 1,  // a difference, an invalid file
    kUsage = 2,
    kUnreachable = 3,  // the daemon
    kFailed = 4,       // or refused
};

// What an argument names, for completion. A verb's choices stand in the synopsis: "add|del NAME", "[on|off]".
enum class ArgumentKind { kCustomer, kDirectory, kFile, kKey, kShell, kCommand, kVerb, kName };

struct Command;

// What the commands take that change customers' files.
struct ChangeOptions {
    std::vector<std::string> networks;   // peer add: of the site
    std::vector<std::string> addresses;  // peer add: of the device; "none"; customer add: of the stack
    std::string name;                    // customer add
    std::string description;             // peer add, customer add
    std::string public_key;              // peer add, peer rotate
    std::string expires;                 // peer add
    bool commit = false;                 // peer rotate
    bool cancel = false;                 // peer rotate
    bool force = false;                  // peer rotate
    std::string keepalive;               // peer add
    std::string endpoint;                // peer add
    bool psk = false;                    // peer add
    std::string private_key_file;        // profile
    std::string out;                     // peer add, peer rotate, profile: a file, or a directory with --all
    std::string svg;                     // likewise
    bool qr = false;                     // likewise
    bool all = false;                    // profile
    std::string for_program;             // profile of a connection of IPsec
    bool with_secret = false;            // likewise
    std::string customer;                // import
    bool write = false;                  // import
    bool no_apply = false;
};

// What the commands take that look at the past or choose among rows.
struct PastOptions {
    std::string since;  // "2d"
    std::string until;
    std::string peer;
    std::string kind;
    std::optional<std::size_t> count;  // -n
    bool down = false;                 // customers, peers
    bool idle = false;                 // peers
};

// What capture takes.
struct CaptureOptions {
    bool inner = false;
    bool outer = false;
    bool both = false;
    std::string write;  // a file; "-": standard output; "": likewise, unless that is a terminal
    std::string count;  // packets
};

// What why takes.
struct WhyOptions {
    std::string from;
    std::string to;
    std::string protocol;
    std::string port;
};

// What stack, exec and customer rm take.
struct StackOptions {
    bool recursive = false;  // stack list
    bool back = false;       // stack move-device
    bool kill = false;       // customer rm
    std::string user;        // stack exec, exec; "": as each of them does
};

// What fleet takes.
struct FleetOptions {
    std::string most;           // rebalance: groups
    bool yes = false;           // rebalance: without a question
    std::string at;             // authority, invite: the address of this node
    std::string port;           // invite: where the new node asks
    std::string authority_key;  // invite, renew: the file of the authority's key
    std::string weight;         // authority, join: this node's, for fleet.toml
    std::string zone;           // likewise
    bool wait = false;          // move: until the group may change its owner again
};

// A parsed command line.
struct Invocation {
    std::string run_dir = "/run/warren";
    std::string config_dir = "/etc/warren";
    std::string state_dir = "/var/lib/warren";  // of stackd: the history is there
    std::string
        network_dir;  // setup: where the uplink's file goes; "": where the firmware image has it, elsewhere nowhere
    bool json = false;
    bool remove = false;   // apply, customer rm, edit: customers may be removed without a question
    bool verbose = false;  // apply, diff: every step too
    bool why = false;      // ipsec: the last attempts instead
    ChangeOptions change;
    CaptureOptions capture;
    WhyOptions packet;
    std::string revision;                // show, diff
    std::string comment;                 // what applies: for the history
    bool follow = false;                 // log
    std::string lines;                   // log: how many; "": kLogLines
    std::string month;                   // usage: "2026-11"; "": the present one
    bool csv = false;                    // usage
    std::string confirm_within;          // what applies: "5m"
    std::string only;                    // apply: a customer
    std::string format;                  // explain only: "markdown", or "scdoc" for the man page of a file
    std::vector<std::string> arguments;  // after the command's name
    std::vector<std::string> program;    // after "--"
    PastOptions past;
    StackOptions stack;
    FleetOptions fleet;
};

// Where a command writes. Errors are one line each, begun with "vpnctl: ".
struct Output {
    std::ostream& out;
    std::ostream& err;
};

struct Command {
    std::string_view name;
    std::string_view synopsis;  // "[CUSTOMER]"
    std::string_view summary;   // one line for help and completion
    std::span<const ArgumentKind> arguments;
    std::size_t required = 0;    // of the arguments
    bool takes_program = false;  // "-- CMD ..."
    int (*run)(const Invocation&, Output&) = nullptr;
    bool needs_program = true;  // when it takes one
};

// In the order of the help.
[[nodiscard]] std::span<const Command> commands();
[[nodiscard]] const Command* find_command(std::string_view name);
// "vpnctl [OPTIONS] NAME SYNOPSIS"
[[nodiscard]] std::string usage_of(const Command& command);

// All of vpnctl but main: never throws. `arguments` without the program's name.
int run(const std::vector<std::string>& arguments, Output& output);

// "vpnctl: message" to err; returns `status`.
int complain(Output& output, int status, std::string_view message);

}  // namespace warren::ctl
