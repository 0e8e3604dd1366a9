// What each command does, for the table in command.cc.
#pragma once

#include "ctl/command.h"

namespace warren::ctl {

// Of the configuration's files; no daemon is asked.
int run_check(const Invocation&, Output&);
int run_listeners(const Invocation&, Output&);
int run_explain(const Invocation&, Output&);

// Asks the operator, and writes the first configuration.
int run_setup(const Invocation&, Output&);

// Asked of vpnd.
int run_status(const Invocation&, Output&);
int run_customers(const Invocation&, Output&);
int run_peers(const Invocation&, Output&);
int run_counters(const Invocation&, Output&);
int run_drops(const Invocation&, Output&);
int run_wg(const Invocation&, Output&);

// Asked of stackd.
int run_diff(const Invocation&, Output&);
int run_apply(const Invocation&, Output&);

// Of users.toml and the status page's certificate.
int run_user(const Invocation&, Output&);
int run_token(const Invocation&, Output&);
int run_web(const Invocation&, Output&);

// Inside a customer's stack.
int run_routes(const Invocation&, Output&);
int run_exec(const Invocation&, Output&);

// Of everything.
int run_support_bundle(const Invocation&, Output&);

// Of the firmware image.
int run_update(const Invocation&, Output&);

int run_completion(const Invocation&, Output&);
int run_help(const Invocation&, Output&);

}  // namespace warren::ctl
