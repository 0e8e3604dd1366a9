// user, token, web: who may log in to the status page, and the fingerprint of its certificate
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "access/secrets.h"
#include "access/users.h"
#include "access/users_text.h"
#include "base/fd.h"
#include "config/customer_id.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/reseller_files.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

Result<std::string> read_password(Output& output) {
    const std::string password = read_line("Password: ", Echo::kHidden, output).value_or("");
    if (const std::string problem = password_problem(password); !problem.empty())
        return fail(ErrorCode::kInvalid, problem);
    return password;
}

// Changes users.toml with `change` under a lock and makes statusd read it again. Returns vpnctl's exit status.
template <typename Change>
int edit(const Invocation& invocation, Output& output, Change change) {
    const UniqueFd lock(::open(invocation.config_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0)
        return complain(output, kFailed, fail_errno("open " + invocation.config_dir, errno).value().what);
    const std::string path = invocation.config_dir + "/users.toml";
    const auto before = read_text(path);
    if (!before) return complain(output, kFailed, before.error().what);
    const Result<std::string> after = change(*before);
    if (!after) return complain(output, kFailed, after.error().what);
    if (const Status written = replace_file(path, *after); !written)
        return complain(output, kFailed, written.error().what);
    const auto done = send_request(invocation.run_dir, {ipc::ControlVerb::kUsers}, [](const ipc::ControlText&) {});
    if (!done) output.err << "vpnctl: written; stackd is not running, the status page reads it when it starts\n";
    return kDone;
}

// ROLE [ID,ID...] after the name.
Result<access::Grant> read_grant(const Invocation& invocation) {
    if (invocation.arguments.size() < 3)
        return fail(ErrorCode::kInvalid, "the role is missing: operator, viewer, customer or reseller");
    const auto role = access::parse_role(invocation.arguments[2]);
    if (!role) return tl::unexpected<Error>(role.error());
    access::Grant grant{*role, {}};
    std::istringstream ids(invocation.arguments.size() > 3 ? invocation.arguments[3] : "");
    for (std::string id; std::getline(ids, id, ',');) {
        if (!config::is_customer_id(id))
            return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no customer's id", id));
        grant.customers.push_back(id);
    }
    if (access::has_customers(grant.role) == grant.customers.empty())
        return fail(ErrorCode::kInvalid,
                    "the role customer takes a list of customers, the role reseller one of resellers, and no other "
                    "role takes one: ID,ID");
    return grant;
}

// A grant for a customer that does not exist would show nothing, and later show the next customer with that id.
Status check_customers(const Invocation& invocation, const access::Grant& grant) {
    for (const std::string& id : grant.customers) {
        const std::string file = fmt::format("{}/{}", invocation.config_dir, config::customer_file(id));
        if (::access(file.c_str(), F_OK) != 0)
            return fail(ErrorCode::kNotFound,
                        fmt::format("there is no customer \"{}\": {}", id, fail_errno(file, errno).value().what));
        if (grant.role == access::Role::kReseller && !reseller_use(invocation.config_dir, id))
            return fail(ErrorCode::kInvalid,
                        fmt::format("{} is no reseller: {} has no [reseller]", id, config::customer_file(id)));
    }
    return {};
}

int add_user(const Invocation& invocation, const std::string& name, Output& output) {
    auto grant = read_grant(invocation);
    if (!grant) return complain(output, kUsage, grant.error().what);
    if (const Status known = check_customers(invocation, *grant); !known)
        return complain(output, kFailed, known.error().what);
    const auto password = read_password(output);
    if (!password) return complain(output, kFailed, password.error().what);
    const auto hash = access::hash_password(*password);
    if (!hash) return complain(output, kFailed, hash.error().what);
    return edit(invocation, output, [&](const std::string& text) {
        return access::with_user(text, {name, *grant, *hash});
    });
}

int change_password(const Invocation& invocation, const std::string& name, Output& output) {
    const auto password = read_password(output);
    if (!password) return complain(output, kFailed, password.error().what);
    const auto hash = access::hash_password(*password);
    if (!hash) return complain(output, kFailed, hash.error().what);
    return edit(invocation, output, [&](const std::string& text) { return access::with_password(text, name, *hash); });
}

int add_token(const Invocation& invocation, const std::string& name, Output& output) {
    auto grant = read_grant(invocation);
    if (!grant) return complain(output, kUsage, grant.error().what);
    if (const Status known = check_customers(invocation, *grant); !known)
        return complain(output, kFailed, known.error().what);
    const std::string token = access::random_token();
    const access::Token kept{name, std::move(*grant), access::sha256_hex(token)};
    const int status =
        edit(invocation, output, [&](const std::string& text) { return access::with_token(text, kept); });
    if (status != kDone) return status;
    // Shown only once: the file has its hash.
    if (invocation.json) {
        output.out << nlohmann::ordered_json{{"name", name}, {"token", token}}.dump(2) << '\n';
    } else {
        output.out << token << '\n';
    }
    return kDone;
}

int misuse(Output& output, std::string_view command, const std::string& verb) {
    return complain(output, kUsage,
                    fmt::format("there is no \"{} {}\"; usage: {}", command, verb, usage_of(*find_command(command))));
}

}  // namespace

int run_user(const Invocation& invocation, Output& output) {
    if (const Status started = access::start_libsodium(); !started)
        return complain(output, kFailed, started.error().what);
    const std::string& verb = invocation.arguments[0];
    const std::string& name = invocation.arguments[1];
    if (!access::is_user_name(name))
        return complain(output, kUsage, "a name is 1 to 64 letters, digits, dots, dashes, underscores, or @");
    if (verb == "add") return add_user(invocation, name, output);
    if (verb == "passwd") return change_password(invocation, name, output);
    if (verb == "del")
        return edit(invocation, output, [&](const std::string& text) { return access::without_user(text, name); });
    return misuse(output, "user", verb);
}

int run_token(const Invocation& invocation, Output& output) {
    if (const Status started = access::start_libsodium(); !started)
        return complain(output, kFailed, started.error().what);
    const std::string& verb = invocation.arguments[0];
    const std::string& name = invocation.arguments[1];
    if (!access::is_user_name(name))
        return complain(output, kUsage, "a name is 1 to 64 letters, digits, dots, dashes, underscores, or @");
    if (verb == "add") return add_token(invocation, name, output);
    if (verb == "del")
        return edit(invocation, output, [&](const std::string& text) { return access::without_token(text, name); });
    return misuse(output, "token", verb);
}

int run_web(const Invocation& invocation, Output& output) {
    if (invocation.arguments[0] != "fingerprint") return misuse(output, "web", invocation.arguments[0]);
    const std::string path = invocation.config_dir + "/secrets/status.pem";
    const auto text = read_text(path);
    if (!text) return complain(output, kFailed, text.error().what);
    if (text->empty())
        return complain(output, kFailed,
                        "there is no certificate yet: it is made when the status page starts for the first time");
    const auto fingerprint = access::certificate_fingerprint(*text);
    if (!fingerprint) return complain(output, kFailed, path + ": " + fingerprint.error().what);
    if (invocation.json) {
        output.out << nlohmann::ordered_json{{"fingerprint_sha256", *fingerprint}}.dump(2) << '\n';
    } else {
        output.out << *fingerprint << '\n';
    }
    return kDone;
}

}  // namespace warren::ctl
