// routes, firewall
#include <ostream>

#include "ctl/ask/held_stack.h"
#include "ctl/ask/learned.h"
#include "ctl/runners.h"
#include "ctl/show/firewall.h"
#include "ctl/show/json_views.h"
#include "ctl/show/routes.h"

namespace warren::ctl {

int run_routes(const Invocation& invocation, Output& output) {
    const auto held = hold_stack(invocation.run_dir, invocation.arguments[0]);
    if (!held) return complain(output, kFailed, held.error().what);
    auto routes = routes_of(invocation.arguments[0]);
    if (!routes) return complain(output, kFailed, routes.error().what);
    note_learned(learned_of(invocation.run_dir, invocation.arguments[0]), *routes);
    output.out << (invocation.json ? routes_json(invocation.arguments[0], *routes) : routes_text(*routes));
    return kDone;
}

int run_firewall(const Invocation& invocation, Output& output) {
    const auto held = hold_stack(invocation.run_dir, invocation.arguments[0]);
    if (!held) return complain(output, kFailed, held.error().what);
    const auto firewall = firewall_of(invocation.arguments[0]);
    if (!firewall) return complain(output, kFailed, firewall.error().what);
    output.out << (invocation.json ? firewall_json(invocation.arguments[0], *firewall) : firewall_text(*firewall));
    return kDone;
}

}  // namespace warren::ctl
