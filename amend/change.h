// What everybody does who changes a customer's file: read, edit, check with all other files, write.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/customer.h"
#include "config/generation.h"
#include "config/load.h"

namespace warren::amend {

struct CustomerChange {
    std::string id;
    // The file's new text from its present one ("" for a new file); `now` is what that says. Called again when
    // somebody changed the file meanwhile.
    std::function<Result<std::string>(const std::string& text, const config::Customer& now)> edit;
    // With the whole configuration as it will be, right before the file is written; an error ends the change.
    std::function<Status(const config::Loaded& next)> before_writing = [](const config::Loaded&) { return Status(); };
    bool is_new = false;  // the file may not exist, else it must
};

// Why nothing was written.
struct Refusal {
    Error error;
    // The customer's errors and warnings, and those of the appliance when it has errors, as people read them. Not
    // empty: `error` says only that there are some.
    std::vector<std::string> diagnostics{};
};

// A configuration as it would be.
struct Checked {
    config::Loaded loaded;  // the appliance and the customer; perhaps others
    bool is_valid = false;  // these two have no errors, also together with all others
    std::vector<std::string> diagnostics;
};
// Says what becomes of the configuration when the file of customer `id` has this text.
using Check = std::function<Checked(const std::string& id, const std::string& text)>;
// Reads all files. `in_force`: as LoadOptions::previous, must outlive the result; may be null.
[[nodiscard]] Check check_with_all(const std::string& directory, const config::Generation* in_force = nullptr);

// Nothing when it is done, or when the file has its new text already. Nothing is written when the edit fails, when the
// customer or the appliance has errors then (kInvalid), or when the file changes again and again meanwhile. The caller
// holds the lock of the configuration.
[[nodiscard]] std::optional<Refusal> change_customer(const std::string& directory, const CustomerChange& change,
                                                     const Check& check);

// Whether the customer, and the appliance, have no errors.
[[nodiscard]] bool is_valid(const config::Loaded& loaded, const std::string& customer);
// Refusal::diagnostics of it.
[[nodiscard]] std::vector<std::string> diagnostics_of(const config::Loaded& loaded, const std::string& customer);

}  // namespace warren::amend
