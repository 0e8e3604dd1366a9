// What each command does, for the table in command.cc.
#pragma once

#include "ctl/command.h"

namespace warren::ctl {

// From the configuration's files, without a daemon.
int run_check(const Invocation&, Output&);
int run_listeners(const Invocation&, Output&);
int run_explain(const Invocation&, Output&);

// Asks the operator, and writes the first configuration.
int run_setup(const Invocation&, Output&);

// From vpnd.
int run_status(const Invocation&, Output&);
int run_customers(const Invocation&, Output&);
int run_peers(const Invocation&, Output&);
int run_counters(const Invocation&, Output&);
int run_drops(const Invocation&, Output&);
int run_wg(const Invocation&, Output&);
int run_ipsec(const Invocation&, Output&);

// From files of the run-dir.
int run_usage(const Invocation&, Output&);
int run_log(const Invocation&, Output&);
// From statusd.
int run_events(const Invocation&, Output&);
int run_outages(const Invocation&, Output&);
int run_find(const Invocation&, Output&);
int run_top(const Invocation&, Output&);

// Requests to stackd.
int run_diff(const Invocation&, Output&);
int run_apply(const Invocation&, Output&);
int run_log_level(const Invocation&, Output&);
int run_services(const Invocation&, Output&);
int run_restart(const Invocation&, Output&);

// Questions to alertd.
int run_alert(const Invocation&, Output&);

// Requests to fleetd.
int run_fleet(const Invocation&, Output&);

int run_confirm(const Invocation&, Output&);

// From the history.
int run_history(const Invocation&, Output&);
int run_show(const Invocation&, Output&);
int run_diff_revision(const Invocation&, Output&);
int run_rollback(const Invocation&, Output&);

// The whole configuration as one file.
int run_backup(const Invocation&, Output&);
int run_restore(const Invocation&, Output&);

// Change a customer's file, and apply it.
int run_edit(const Invocation&, Output&);
int run_customer(const Invocation&, Output&);
int run_peer(const Invocation&, Output&);
int run_profile(const Invocation&, Output&);
int run_import(const Invocation&, Output&);

// For users.toml and the status page's certificate.
int run_user(const Invocation&, Output&);
int run_token(const Invocation&, Output&);
int run_web(const Invocation&, Output&);

// Inside a customer's stack.
int run_routes(const Invocation&, Output&);
int run_firewall(const Invocation&, Output&);
int run_exec(const Invocation&, Output&);
int run_stack(const Invocation&, Output&);

// About a packet: of a customer's in the tunnels, and an imagined one.
int run_capture(const Invocation&, Output&);
int run_why(const Invocation&, Output&);
int run_doctor(const Invocation&, Output&);

// From everything.
int run_support_bundle(const Invocation&, Output&);

// For the firmware image.
int run_update(const Invocation&, Output&);

int run_completion(const Invocation&, Output&);
int run_help(const Invocation&, Output&);

}  // namespace warren::ctl
