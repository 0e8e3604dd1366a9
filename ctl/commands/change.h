// What every command does that changes a customer's file: read, edit, check with all other files, write, apply.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/customer.h"
#include "config/load.h"
#include "ctl/command.h"

namespace warren::ctl {

struct CustomerChange {
    std::string id;
    // The file's new text from its present one ("" for a new file); `now` is what that says. Called again when
    // somebody changed the file meanwhile.
    std::function<Result<std::string>(const std::string& text, const config::Customer& now)> edit;
    // With the whole configuration as it will be, right before the file is written; an error ends the command.
    std::function<Status(const config::Loaded& next)> before_writing = [](const config::Loaded&) { return Status(); };
    bool is_new = false;  // the file may not exist, else it must
};

// Nothing is written when an edit fails, when the customer or the appliance has errors then, or when its file changes
// again and again meanwhile: that is said, and returns the exit status. Takes the lock of the configuration.
[[nodiscard]] int write_customer(const CustomerChange& change, const Invocation& invocation, Output& output);
// Deletes the file, under the same lock.
[[nodiscard]] int remove_customer(const std::string& id, const Invocation& invocation, Output& output);

// Gives the file another name, under the same lock, if the customer has no error then: its stack and its tunnels stay.
[[nodiscard]] int rename_customer(const std::string& id, const std::string& to, const Invocation& invocation,
                                  Output& output);

// Loads and applies as `apply` does, unless --no-apply: what comes of it goes to `output`. `removed`: the customer
// whose file this command deleted, and no other, may go; "": none.
int apply_change(const Invocation& invocation, const std::string& removed, Output& output);

// The errors and warnings of the customer, and those of the appliance when it has errors; the first of many.
void print_diagnostics(const config::Loaded& next, const std::string& id, Output& output);
// "" when it can be one; else what to say.
[[nodiscard]] std::string customer_problem(const std::string& id);
// On a terminal the answer to a question, elsewhere no.
[[nodiscard]] bool agrees(const std::string& question, Output& output);

}  // namespace warren::ctl
