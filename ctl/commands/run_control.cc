// diff, apply, confirm, log-level, restart
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <ostream>
#include <set>

#include "base/log_level.h"
#include "base/printable.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_taken.h"
#include "ctl/commands/known_customer.h"
#include "ctl/commands/request.h"
#include "ctl/files/fleet_base.h"
#include "ctl/runners.h"
#include "ctl/show/json_views.h"
#include "history/unconfirmed.h"

namespace warren::ctl {

namespace {

std::string line_of(const ipc::ControlText& text) {
    // May contain vpnd's reason for a rejection.
    if (text.kind == ipc::ControlText::Kind::kDiagnostic || text.customer.empty()) return printable(text.text, "\n\t");
    return fmt::format("{}: {}", text.customer, printable(text.text));
}

struct Answer {
    int exit_status = kDone;
    std::string question;  // what stackd wants to be told twice
};

using Send = std::function<Result<ipc::ControlDone>(const std::string& run_dir, const ipc::ControlRequest& request,
                                                    const std::function<void(const ipc::ControlText&)>& on_text)>;

Result<ipc::ControlDone> ask_stackd(const std::string& run_dir, const ipc::ControlRequest& request,
                                    const std::function<void(const ipc::ControlText&)>& on_text) {
    return send_request(run_dir, request, on_text);
}

// stackd compares everything; this passes on what concerns one customer, and sums that up.
Send of_customer(const std::string& customer) {
    return [customer](const std::string& run_dir, const ipc::ControlRequest& request,
                      const std::function<void(const ipc::ControlText&)>& on_text) -> Result<ipc::ControlDone> {
        bool is_told = false;
        auto done = send_request(run_dir, request, [&](const ipc::ControlText& text) {
            if (text.customer != customer) return;
            is_told = true;
            on_text(text);
        });
        if (!done || done->exit_status > kAnswerIsNo) return done;
        done->exit_status = is_told ? kAnswerIsNo : kDone;
        done->summary = is_told ? "" : customer + ": nothing to change";
        return done;
    };
}

Answer run_request(const ipc::ControlRequest& request, const Invocation& invocation, Output& output,
                   const Send& send = ask_stackd) {
    Answer answer;
    using Kind = ipc::ControlText::Kind;
    std::vector<ipc::ControlText> texts;
    std::set<std::string> changed;  // customers; what their changes take in the kernel is for who asks
    std::size_t hidden = 0;
    const auto done = send(invocation.run_dir, request, [&](const ipc::ControlText& text) {
        if (text.kind == Kind::kQuestion) answer.question = printable(text.text);
        if (text.kind == Kind::kChange) changed.insert(text.customer);
        if (invocation.json) {
            texts.push_back(text);
        } else if (text.kind == Kind::kStep && !invocation.verbose && changed.contains(text.customer)) {
            ++hidden;
        } else if (text.kind != Kind::kQuestion) {
            output.out << line_of(text) << '\n' << std::flush;
        }
    });
    // After an apply they are done, and nothing shows them any more.
    if (hidden > 0 && request.verb == ipc::ControlVerb::kDiff)
        output.out << fmt::format("({} step{} in the kernel; -v shows {})\n", hidden, hidden == 1 ? "" : "s",
                                  hidden == 1 ? "it" : "them");
    if (!done) {
        answer.exit_status =
            complain(output, done.error().code == ErrorCode::kUnavailable ? kUnreachable : kFailed, done.error().what);
        return answer;
    }
    answer.exit_status = done->exit_status;
    if (invocation.json) {
        output.out << control_json(texts, *done);
    } else if (!done->summary.empty()) {
        output.out << printable(done->summary) << '\n';
    }
    return answer;
}

}  // namespace

int request_from_stackd(const ipc::ControlRequest& request, const Invocation& invocation, Output& output) {
    return run_request(request, invocation, output).exit_status;
}

int request_from_fleetd(const ipc::ControlRequest& request, const Invocation& invocation, Output& output) {
    return run_request(request, invocation, output, ask_fleetd).exit_status;
}

int run_diff(const Invocation& invocation, Output& output) {
    if (!invocation.revision.empty()) return run_diff_revision(invocation, output);
    if (invocation.arguments.empty()) return run_request({ipc::ControlVerb::kDiff}, invocation, output).exit_status;
    const std::string& customer = invocation.arguments[0];
    if (const std::string problem = customer_problem(customer); !problem.empty())
        return complain(output, kUsage, problem);
    if (!is_known_customer(invocation, customer))
        return complain(output, kFailed, no_such_customer(invocation, customer));
    return run_request({ipc::ControlVerb::kDiff}, invocation, output, of_customer(customer)).exit_status;
}

namespace {

void note_applied(const Invocation& invocation, const FleetBase& base, Output& output) {
    std::set<std::string> keys = base.unapplied;
    if (!invocation.only.empty())
        std::erase_if(keys, [&](const std::string& key) { return key != "customers/" + invocation.only; });
    if (const Status noted = note_in_force(invocation.config_dir, base.number, keys, ""); !noted)
        output.err << "vpnctl: fleet.base: " << noted.error().what << '\n';
}

}  // namespace

int apply_files(const Invocation& invocation, const std::string& removed, Output& output) {
    const bool removes = invocation.remove || !removed.empty();
    ipc::ControlRequest request{removes ? ipc::ControlVerb::kApplyRemoving : ipc::ControlVerb::kApply, std::nullopt,
                                removed};
    if (!invocation.confirm_within.empty()) {
        const auto within = history::parse_within(invocation.confirm_within);
        if (!within)
            return complain(output, kUsage,
                            fmt::format("\"{}\" is no time for --confirm-within; accepted: 10s to 24h, such as 5m",
                                        invocation.confirm_within));
        request.confirm_seconds =
            static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(*within).count());
    }
    if (invocation.comment.size() > ipc::kMaxComment)
        return complain(output, kUsage, fmt::format("a comment has at most {} bytes", ipc::kMaxComment));
    const PutIntoFleet put = put_into_fleet(invocation, removed, output);
    if (put.exit_status != kDone) return put.exit_status;
    if (put.may_remove) {
        request.verb = ipc::ControlVerb::kApplyRemoving;
        request.customer.clear();
    }
    request.only = invocation.only;
    request.comment = invocation.comment;
    request.claimed_user = claimed_user();
    const auto base = read_fleet_base(invocation.config_dir);  // what is in force then is at least this
    Answer answer = run_request(request, invocation, output);
    if (!answer.question.empty() && !invocation.json && agrees(answer.question, output)) {
        request.verb = ipc::ControlVerb::kApplyRemoving;
        request.customer.clear();
        answer = run_request(request, invocation, output);
    }
    if (base && *base && answer.exit_status == kDone) note_applied(invocation, **base, output);
    return answer.exit_status;
}

std::string claimed_user() {
    const char* const name = std::getenv("SUDO_USER");  // NOLINT(concurrency-mt-unsafe): one thread
    return name == nullptr ? "" : std::string(name).substr(0, ipc::kMaxClaimedUser);
}

int run_apply(const Invocation& invocation, Output& output) {
    if (!invocation.only.empty()) {
        if (const std::string problem = customer_problem(invocation.only); !problem.empty())
            return complain(output, kUsage, problem);
        if (!is_known_customer(invocation, invocation.only))
            return complain(output, kFailed, no_such_customer(invocation, invocation.only));
    }
    return apply_files(invocation, "", output);
}

int run_confirm(const Invocation& invocation, Output& output) {
    return run_request({ipc::ControlVerb::kConfirm}, invocation, output).exit_status;
}

int run_restart(const Invocation& invocation, Output& output) {
    if (invocation.arguments[0] != "vpnd") return complain(output, kUsage, "restart vpnd; it is the only choice");
    return run_request({ipc::ControlVerb::kReplaceVpnd}, invocation, output).exit_status;
}

int run_log_level(const Invocation& invocation, Output& output) {
    ipc::ControlRequest request{ipc::ControlVerb::kLogLevel};
    if (!invocation.arguments.empty()) {
        request.log_level = parse_log_level(invocation.arguments[0]);
        if (!request.log_level)
            return complain(
                output, kUsage,
                fmt::format("unknown log level \"{}\"; accepted: {}", invocation.arguments[0], kLogLevelsAccepted));
    }
    std::vector<DaemonLevel> levels;  // "vpnd debug"
    const auto done = send_request(invocation.run_dir, request, [&levels](const ipc::ControlText& text) {
        const auto space = text.text.find(' ');
        if (space != std::string::npos) levels.push_back({text.text.substr(0, space), text.text.substr(space + 1)});
    });
    if (!done)
        return complain(output, done.error().code == ErrorCode::kUnavailable ? kUnreachable : kFailed,
                        done.error().what);
    if (invocation.json) {
        output.out << log_levels_json(levels);
    } else {
        for (const DaemonLevel& each : levels)
            output.out << fmt::format("{:<8} {}\n", printable(each.daemon), printable(each.level));
    }
    return done->exit_status;
}

}  // namespace warren::ctl
