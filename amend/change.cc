#include "amend/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "amend/customer_file.h"
#include "config/customer_id.h"
#include "config/diagnostic.h"
#include "config/parse.h"

namespace warren::amend {

namespace {

constexpr int kMostTries = 5;  // against somebody who changes the file all the time

Result<std::string> edited(const CustomerChange& change, const FileState& before, const std::string& path) {
    if (change.is_new && before.exists) return fail(ErrorCode::kConflict, path + " is there already");
    if (!change.is_new && !before.exists)
        return fail(ErrorCode::kNotFound, fmt::format("there is no customer {}: no {}", change.id, path));
    std::vector<config::Diagnostic> ignored;  // an invalid file can be edited into a valid one
    const auto now = config::parse_customer(path, change.id, before.text, ignored);
    return change.edit(before.text, now.value);
}

}  // namespace

bool is_valid(const config::Loaded& loaded, const std::string& customer) {
    const auto found = std::find_if(loaded.customers.begin(), loaded.customers.end(),
                                    [&customer](const auto& one) { return one.value().id == customer; });
    return loaded.appliance_valid && found != loaded.customers.end() && found->valid;
}

std::vector<std::string> diagnostics_of(const config::Loaded& loaded, const std::string& customer) {
    std::vector<std::string> out;
    for (const config::Diagnostic& one : loaded.diagnostics) {
        if (one.customer == customer || (one.customer.empty() && !loaded.appliance_valid))
            out.push_back(config::format(one));
    }
    return out;
}

Check check_with_all(const std::string& directory, const config::Generation* in_force) {
    return [&directory, in_force](const std::string& id, const std::string& text) {
        const std::map<std::string, std::optional<std::string>> changed{{id, text}};
        Checked out{config::load(directory, {.previous = in_force, .changed = &changed}), false, {}};
        out.is_valid = is_valid(out.loaded, id);
        out.diagnostics = diagnostics_of(out.loaded, id);
        return out;
    };
}

std::optional<Refusal> change_customer(const std::string& directory, const CustomerChange& change, const Check& check) {
    const std::string path = customer_path(directory, change.id);
    if (const std::string reseller(config::reseller_of(change.id)); !reseller.empty()) {
        if (const Status place = check_place(directory, change.id); !place)
            return Refusal{{place.error().code, place.error().what + "; nothing was written"}};
        const auto above = read_state(customer_path(directory, reseller));
        if (!above) return Refusal{above.error()};
        if (!above->exists)
            return Refusal{{ErrorCode::kNotFound, fmt::format("there is no reseller {}: no {}", reseller,
                                                              customer_path(directory, reseller))}};
    }
    for (int i = 0; i < kMostTries; ++i) {
        const auto before = read_state(path);
        if (!before) return Refusal{before.error()};
        if (const Status writable = check_writable(path, *before); !writable)
            return Refusal{{writable.error().code, writable.error().what + "; nothing was written"}};
        const auto text = edited(change, *before, path);
        if (!text) return Refusal{text.error()};
        const Checked next = check(change.id, *text);
        if (!next.is_valid) return Refusal{{ErrorCode::kInvalid, "nothing was written"}, next.diagnostics};
        if (const Status ready = change.before_writing(next.loaded); !ready)
            return Refusal{{ready.error().code, ready.error().what + "; nothing was written"}};
        if (before->exists && *text == before->text) return std::nullopt;
        const Status written = write_over(path, *before, *text);
        if (written) return std::nullopt;
        if (written.error().code != ErrorCode::kConflict) return Refusal{written.error()};
    }
    return Refusal{{ErrorCode::kConflict, path + " is changed by somebody else all the time; nothing was written"}};
}

}  // namespace warren::amend
