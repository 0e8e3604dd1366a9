// diff, apply
#include <fmt/format.h>

#include <ostream>

#include "base/printable.h"
#include "ctl/ask/control_client.h"
#include "ctl/runners.h"
#include "ctl/show/json_views.h"

namespace warren::ctl {

namespace {

std::string line_of(const ipc::ControlText& text) {
    // May contain vpnd's reason for a rejection.
    if (text.kind == ipc::ControlText::Kind::kDiagnostic || text.customer.empty()) return printable(text.text, "\n\t");
    return fmt::format("{}: {}", text.customer, printable(text.text));
}

int run_request(ipc::ControlVerb verb, const Invocation& invocation, Output& output) {
    std::vector<ipc::ControlText> texts;
    const auto done = send_request(invocation.run_dir, verb, [&](const ipc::ControlText& text) {
        if (invocation.json) {
            texts.push_back(text);
        } else {
            output.out << line_of(text) << '\n' << std::flush;
        }
    });
    if (!done)
        return complain(output, done.error().code == ErrorCode::kUnavailable ? kUnreachable : kFailed,
                        done.error().what);
    if (invocation.json) {
        output.out << control_json(texts, *done);
    } else if (!done->summary.empty()) {
        output.out << printable(done->summary) << '\n';
    }
    return done->exit_status;
}

}  // namespace

int run_diff(const Invocation& invocation, Output& output) {
    return run_request(ipc::ControlVerb::kDiff, invocation, output);
}
int run_apply(const Invocation& invocation, Output& output) {
    return run_request(ipc::ControlVerb::kApply, invocation, output);
}

}  // namespace warren::ctl
