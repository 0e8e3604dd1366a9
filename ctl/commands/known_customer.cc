#include "ctl/commands/known_customer.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/history.h"
#include "ctl/files/customer_file.h"

namespace warren::ctl {

namespace {

bool may_have_file(const Invocation& invocation, const std::string& id) {
    struct stat found {};
    return ::stat(customer_path(invocation.config_dir, id).c_str(), &found) == 0 ||
           (errno != ENOENT && errno != ENOTDIR);
}

bool is_served(const Invocation& invocation, const std::string& id) {
    const auto snapshot = fetch_snapshot(invocation.run_dir, {id, false});
    return snapshot && !snapshot->customers.empty();
}

bool may_be_in_history(const Invocation& invocation, const std::string& id) {
    History history(invocation.state_dir);
    if (const Status read = history.read(); !read) return read.error().code != ErrorCode::kNotFound;
    const auto texts = history.texts_at(history.revisions().last());
    return !texts || texts->customers.contains(id);
}

}  // namespace

bool is_known_customer(const Invocation& invocation, const std::string& id) {
    return may_have_file(invocation, id) || may_be_in_history(invocation, id) || is_served(invocation, id);
}

std::string no_such_customer(const Invocation& invocation, const std::string& id) {
    return fmt::format("there is no customer {}: no {}", id, customer_path(invocation.config_dir, id));
}

}  // namespace warren::ctl
