#include "stacks/page_changes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <variant>

#include "access/secrets.h"
#include "amend/change.h"
#include "amend/customer_file.h"
#include "amend/new_peer.h"
#include "amend/profile.h"
#include "base/log.h"
#include "base/printable.h"
#include "clients/profile.h"
#include "config/customer_id.h"
#include "config/edit/edit.h"
#include "config/file_reader.h"
#include "config/resellers.h"
#include "config/wireguard.h"
#include "crypto/keys.h"
#include "crypto/secret.h"
#include "stacks/one_customer.h"

namespace warren::stacks {

namespace {

using ipc::WebAction;
using ipc::WebVerdict;

constexpr const char* kTable = "wireguard.peer";
constexpr Duration kLook = std::chrono::milliseconds(50);  // between two looks for the end of a password's check

void wipe(std::string& text) {
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

ipc::WebChanged answer(WebVerdict verdict, std::string text) {
    return {0, verdict, std::move(text), ""};
}

std::string_view name_of(WebAction action) {
    switch (action) {
        case WebAction::kAddDevice: return "add a device";
        case WebAction::kEnablePeer: return "enable";
        case WebAction::kDisablePeer: return "disable";
        case WebAction::kSuspend: return "suspend";
        case WebAction::kResume: return "resume";
        case WebAction::kConfirm: return "confirm";
        case WebAction::kGoBack: return "go back";
    }
    return "";
}

WebVerdict verdict_of(ErrorCode code) {
    if (code == ErrorCode::kNotFound) return WebVerdict::kNotFound;
    if (code == ErrorCode::kConflict) return WebVerdict::kConflict;
    if (code == ErrorCode::kInvalid) return WebVerdict::kInvalid;
    if (code == ErrorCode::kUnavailable) return WebVerdict::kBusy;
    return WebVerdict::kFailed;
}

bool is_operator(const access::User& user) {
    return user.grant.role == access::Role::kOperator;
}

// Why it was not done. A report speaks of all customers, and so do single texts in it: they are for operators.
ipc::WebChanged failed(const Report& report, const access::User& user) {
    if (!is_operator(user))
        return answer(WebVerdict::kFailed, "this did not come into force, and nothing has changed; ask the operator");
    std::string text = report.summary;
    for (const ipc::ControlText& one : report.texts) {
        if (one.kind == ipc::ControlText::Kind::kNote || one.kind == ipc::ControlText::Kind::kDiagnostic)
            text += "; " + one.text;
    }
    return answer(WebVerdict::kFailed, std::move(text));
}

// What is still missing of a customer's change that is in force; "": nothing.
std::string remark(const Report& report, const std::string& customer) {
    if (report.is_owed) return "; its tunnels follow when vpnd runs again";
    const bool lacks = std::any_of(report.texts.begin(), report.texts.end(), [&](const ipc::ControlText& text) {
        return text.kind == ipc::ControlText::Kind::kIncomplete && text.customer == customer;
    });
    return lacks ? "; the stack lacks something, and Warren retries" : "";
}

// The device that this request adds, if it is there already: who got no answer asks again. One with a preshared key
// was not added from the page, and its profile is not for the page.
bool is_added(const config::Customer& customer, const ipc::WebChange& request) {
    return std::any_of(customer.peers.begin(), customer.peers.end(), [&](const config::Peer& peer) {
        const auto* tunnel = std::get_if<config::WireguardTunnel>(&peer.tunnel);
        return tunnel != nullptr && peer.enabled && peer.name == request.peer && !tunnel->preshared_key &&
               crypto::to_base64(tunnel->public_key) == request.public_key;
    });
}

// Unless somebody else has changed the file meanwhile.
Status put_back(const std::string& path, const std::string& written, const std::string& before) {
    if (written == before) return {};
    const auto now = amend::read_state(path);
    if (!now) return tl::unexpected<Error>(now.error());
    if (now->text != written) return fail(ErrorCode::kConflict, "somebody else has changed " + path + " meanwhile");
    return amend::write_over(path, *now, before);
}

// The reseller among those of the user whose customer this is; the outermost, when one is the other's.
const std::string& reseller_for(const access::User& user, const std::string& customer) {
    const std::string* out = nullptr;
    for (const std::string& id : user.grant.customers) {
        if (config::is_customer_of(customer, id) && (out == nullptr || id.size() < out->size())) out = &id;
    }
    return out == nullptr ? customer : *out;
}

config::Operation operation_of(const ipc::WebChange& request) {
    const config::TableName peer{kTable, request.peer};
    switch (request.action) {
        case WebAction::kSuspend: return config::SetKey{{""}, "state", config::toml_string("suspended")};
        case WebAction::kResume: return config::SetKey{{""}, "state", config::toml_string("active")};
        case WebAction::kEnablePeer: return config::SetKey{peer, "enabled", "true"};
        default: return config::SetKey{peer, "enabled", "false"};
    }
}

Result<std::string> edited(const ipc::WebChange& request, const std::string& text, const config::Customer& customer) {
    if (request.action != WebAction::kAddDevice) return config::edit(text, operation_of(request));
    auto addresses = amend::next_addresses(customer);
    if (!addresses) return tl::unexpected<Error>(addresses.error());
    return amend::with_peer(text, {request.peer, request.description, request.public_key, "", *addresses});
}

}  // namespace

PageChanges::PageChanges(std::string config_directory, Hands hands)
    : directory_(std::move(config_directory)), hands_(std::move(hands)) {
    (void)access::start_libsodium();  // without it no password is right
}

Result<access::Users> PageChanges::users() const {
    const std::string path = directory_ + "/users.toml";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat about {};
    // Write access to this file decides who may change something.
    if (file.valid() &&
        (::fstat(file.get(), &about) != 0 || about.st_uid != ::geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0))
        return fail(ErrorCode::kPermission, path + " must belong to root and be closed to others");
    config::FileStamp ignored;
    auto text = config::read_all(file, access::kMaxUsersFile, ignored);
    if (!text) return tl::unexpected<Error>(text.error());
    return access::parse_users(std::move(*text));
}

// --- passwords -----------------------------------------------------------------------------------

void PageChanges::begin_anew() {
    tickets_.clear();
    refused_ = {};
    refusals_ = 0;
    is_flooded_ = false;
    for (Attempt& attempt : attempts_) wipe(attempt.request.password);
    if (!task_.is_running()) return attempts_.clear();
    attempts_.resize(1);  // the one that is being checked
    attempts_.front().is_void = true;
}

std::optional<ipc::WebUnlocked> PageChanges::unlock(Instant now, ipc::WebUnlock request) {
    const auto refused = [&request](WebVerdict verdict, std::string text) {
        wipe(request.password);
        return ipc::WebUnlocked{request.id, verdict, std::move(text), ""};
    };
    if (!hands_.in_force().appliance.status_changes)
        return refused(WebVerdict::kForbidden, "the page changes nothing here ([status] changes = true lets it)");
    const auto known = users();
    if (!known) log(LogLevel::kError, "users_not_read", {{"reason", known.error().what}});
    const access::User* user = known ? known->find_user(request.user) : nullptr;
    // An honest statusd does not ask for these.
    if (user == nullptr || user->grant.role == access::Role::kViewer) {
        if (count_refusal(now))
            log(LogLevel::kWarn, "page_unlocked",
                {{"user", printable(request.user)}, {"outcome", "refused"}, {"refused", std::to_string(refusals_)}});
        return user == nullptr ? refused(WebVerdict::kLocked, "the password is wrong")
                               : refused(WebVerdict::kForbidden, "a viewer changes nothing");
    }
    if (request.password.size() > ipc::WebUnlock::kMaxPassword)
        return refused(WebVerdict::kLocked, "the password is wrong");
    TokenBucket& bucket = passwords_[user->name];
    if (attempts_.size() >= kMostWaiting || !bucket.is_open(now))
        return refused(WebVerdict::kBusy, "too many passwords at once; try again in half a minute");
    bucket.charge(now, kPasswordPrice, kPasswordPrice * (kPasswordBurst - 1));
    attempts_.push_back({std::move(request), *user, false});
    start_next();
    return std::nullopt;
}

void PageChanges::start_next() {
    if (attempts_.empty() || task_.is_running()) return;
    Attempt& first = attempts_.front();
    const Status started = task_.start([&first]() -> Result<std::string> {
        if (!access::verify_password(first.user.password, first.request.password))
            return fail(ErrorCode::kPermission, "wrong");
        return std::string();
    });
    wipe(first.request.password);
    if (!started) log(LogLevel::kError, "password_not_checked", {{"reason", started.error().what}});
}

std::optional<ipc::WebUnlocked> PageChanges::take_unlocked(Instant now) {
    if (attempts_.empty()) return std::nullopt;
    const auto outcome = task_.take();
    if (!outcome && task_.is_running()) return std::nullopt;
    const Attempt attempt = std::move(attempts_.front());
    attempts_.pop_front();
    start_next();
    if (attempt.is_void) return take_unlocked(now);
    ipc::WebUnlocked out{attempt.request.id, WebVerdict::kLocked, "the password is wrong", ""};
    if (!outcome) {
        out.verdict = WebVerdict::kFailed;
        out.text = "the password could not be checked";
    } else if (outcome->succeeded) {
        out = {attempt.request.id, WebVerdict::kDone, "", access::random_token()};
        tickets_.give(now, out.ticket, attempt.user);
    }
    log(outcome && outcome->succeeded ? LogLevel::kInfo : LogLevel::kWarn, "page_unlocked",
        {{"user", attempt.user.name}, {"outcome", outcome && outcome->succeeded ? "done" : out.text}});
    return out;
}

Instant PageChanges::next_deadline(Instant now) const {
    return attempts_.empty() ? kNever : now + kLook;
}

// --- changes -------------------------------------------------------------------------------------

ipc::WebChanged PageChanges::change(Instant now, const ipc::WebChange& request) {
    ipc::WebChanged out;
    if (!tickets_.has(request.ticket)) {
        // No file is read for it.
        if (count_refusal(now)) log_change("nobody", request, "no ticket");
        out = answer(WebVerdict::kLocked, "show your password again");
    } else {
        std::string name = "nobody";
        const auto known = users();
        const auto user = known ? tickets_.find(now, request.ticket, *known) : std::nullopt;
        if (user) name = user->name;
        out = user ? change_for(now, *user, request) : answer(WebVerdict::kLocked, "show your password again");
        if (out.verdict == WebVerdict::kDone) tickets_.renew(now, request.ticket);
        log_change(name, request, out.verdict == WebVerdict::kDone ? "" : out.text);
    }
    out.id = request.id;
    if (out.text.size() > ipc::WebChanged::kMaxText) out.text.resize(ipc::WebChanged::kMaxText);
    return out;
}

ipc::WebChanged PageChanges::change_for(Instant now, const access::User& user, const ipc::WebChange& request) {
    if (!hands_.in_force().appliance.status_changes)
        return answer(WebVerdict::kForbidden, "the page changes nothing here ([status] changes = true lets it)");
    if (std::string objection = objection_to(user.grant, request); !objection.empty())
        return answer(WebVerdict::kForbidden, std::move(objection));
    if (!takes_turn(now, user, request))
        return answer(WebVerdict::kBusy, "too many changes; try again in a few minutes");
    return carry_out(user, request);
}

void PageChanges::log_change(const std::string& user, const ipc::WebChange& request, const std::string& reason) const {
    log(reason.empty() ? LogLevel::kInfo : LogLevel::kWarn, "page_change",
        {{"user", user},
         {"action", std::string(name_of(request.action))},
         {"customer", printable(request.customer)},
         {"peer", printable(request.peer)},
         {"outcome", reason.empty() ? "done" : printable(reason.substr(0, 200))},
         {"refused", std::to_string(refusals_)}});
}

bool PageChanges::count_refusal(Instant now) {
    is_flooded_ = is_flooded_ || !refused_.is_open(now);
    refused_.charge(now, kRefusalPrice, kRefusalPrice * (kRefusalBurst - 1));
    ++refusals_;
    return std::has_single_bit(refusals_);
}

bool PageChanges::takes_turn(Instant now, const access::User& user, const ipc::WebChange& request) {
    const bool is_reseller = user.grant.role == access::Role::kReseller;
    const Duration price = is_operator(user) ? kOperatorPrice : (is_reseller ? kResellerPrice : kCustomerPrice);
    TokenBucket& bucket = turns_[is_operator(user) ? "user " + user.name
                                 : is_reseller     ? "reseller " + reseller_for(user, request.customer)
                                                   : "customer " + request.customer];
    if (!bucket.is_open(now)) return false;
    bucket.charge(now, price, price * (kBurst - 1));
    return true;
}

ipc::WebChanged PageChanges::carry_out(const access::User& user, const ipc::WebChange& request) {
    if (request.action != WebAction::kConfirm && request.action != WebAction::kGoBack)
        return change_file(user, request);
    if (hands_.pending() == 0 || hands_.pending() != request.pending)
        return answer(WebVerdict::kConflict, "this does not wait for a confirmation any more");
    if (request.action == WebAction::kConfirm) {
        const Report report = hands_.confirm();
        return report.exit_status == 0 ? answer(WebVerdict::kDone, "confirmed: the configuration in force stays")
                                       : failed(report, user);
    }
    // One customer whose stack lacks something does not make it a failure.
    const Report report = hands_.restore_confirmed({history::Origin::Kind::kPage, 0, user.name, "asked for"});
    if (!report.accepted) return failed(report, user);
    return answer(WebVerdict::kDone, fmt::format("revision {} is in force again", request.pending) +
                                         (report.exit_status == 0 ? "" : "; " + report.summary));
}

// The smallest bound: its own, and those of its resellers, which count all of their customers' peers when the file is
// checked.
std::optional<std::uint32_t> PageChanges::most_for_reseller(const config::Customer& customer) const {
    std::optional<std::uint32_t> most = customer.max_peers;
    for (const std::string& id : config::resellers_of(customer.id)) {
        const auto* const reseller = hands_.in_force().find(id);
        if (reseller == nullptr || !reseller->customer.reseller) continue;
        const std::optional<std::uint32_t>& bound = reseller->customer.reseller->max_peers;
        if (bound) most = std::min(most.value_or(*bound), *bound);
    }
    return most;
}

// What a customer's own users are bounded by. An operator's bounds are those of the file.
std::optional<ipc::WebChanged> PageChanges::refuse(const access::User& user, const ipc::WebChange& request,
                                                   const config::Customer& customer) const {
    const bool adds = request.action == WebAction::kAddDevice || request.action == WebAction::kEnablePeer;
    if (is_operator(user) || !adds) return std::nullopt;
    const auto most = user.grant.role == access::Role::kReseller ? most_for_reseller(customer) : customer.max_peers;
    if (!most) return answer(WebVerdict::kForbidden, "the operator has not said how many devices there may be");
    const auto enabled = static_cast<std::size_t>(std::count_if(customer.peers.begin(), customer.peers.end(),
                                                                [](const config::Peer& peer) { return peer.enabled; }));
    if (enabled >= *most)
        return answer(WebVerdict::kConflict, fmt::format("there are {} of {} devices", enabled, *most));
    // Those that were disabled are in the file, too.
    if (customer.peers.size() >= std::size_t{2} * *most)
        return answer(WebVerdict::kConflict, "there are many disabled devices; ask the operator to remove some");
    return std::nullopt;
}

ipc::WebChanged PageChanges::change_file(const access::User& user, const ipc::WebChange& request) {
    const config::Generation& now = hands_.in_force();
    // It stays while another configuration comes into force.
    const auto accepted = now.share(request.customer);
    if (accepted == nullptr) return answer(WebVerdict::kNotFound, "there is no such customer");
    ipc::WebChanged out = answer(WebVerdict::kDone, fmt::format("{}: {}", request.customer, name_of(request.action)));
    const auto add_profile = [&](const config::Loaded& from) -> Status {
        const auto profile = amend::profile_text(from, request.customer, request.peer, clients::kNoPrivateKey);
        if (!profile) return tl::unexpected<Error>(profile.error());
        out.profile = profile->text();
        return {};
    };
    if (request.action == WebAction::kAddDevice && is_added(accepted->customer, request)) {
        const Status added = add_profile(in_force_of(now, request.customer));
        return added ? out : answer(verdict_of(added.error().code), added.error().what);
    }
    if (const std::string reason = hands_.reason_to_wait(); !reason.empty())
        return answer(WebVerdict::kConflict,
                      is_operator(user) ? reason : "the operator is changing something; try again later");
    if (auto refused = refuse(user, request, accepted->customer)) return std::move(*refused);
    const auto lock = amend::try_lock_configuration(directory_);
    if (!lock) return answer(verdict_of(lock.error().code), lock.error().what);

    std::string written;
    amend::CustomerChange change;
    change.id = request.customer;
    change.edit = [&](const std::string& text, const config::Customer& customer) -> Result<std::string> {
        // Half a change by hand is not for a user of the page to bring into force.
        if (text != accepted->text)
            return fail(ErrorCode::kConflict, "the customer's file has changes that are not in force yet");
        auto next = edited(request, text, customer);
        if (next) written = *next;
        return next;
    };
    change.before_writing = [&](const config::Loaded& next) -> Status {
        // Nor are keys that somebody has put there for later.
        if (!keeps_its_secrets(next, *accepted))
            return fail(ErrorCode::kConflict, "the customer's secrets have changes that are not in force yet");
        return request.action == WebAction::kAddDevice ? add_profile(next) : Status();
    };
    const auto check = [&](const std::string& id, const std::string& text) {
        amend::Checked checked{load_one(directory_, now, id, text), false, {}};
        checked.is_valid = amend::is_valid(checked.loaded, id);
        checked.diagnostics = amend::diagnostics_of(checked.loaded, id);
        return checked;
    };
    if (const auto refusal = amend::change_customer(directory_, change, check)) {
        std::string text = refusal->error.what;
        // What others have is not for a customer's users: a clash names them.
        if (refusal->error.code == ErrorCode::kInvalid && !is_operator(user))
            return answer(WebVerdict::kInvalid, user.grant.role == access::Role::kReseller
                                                    ? "this cannot be used: others have the name or key, or the "
                                                      "reseller's bounds are reached"
                                                    : "this name or key cannot be used");
        for (const std::string& diagnostic : refusal->diagnostics) text += "\n" + diagnostic;
        return answer(verdict_of(refusal->error.code), std::move(text));
    }
    const Report report =
        hands_.apply(request.customer, written,
                     {history::Origin::Kind::kPage, 0, user.name,
                      std::string(name_of(request.action)) + (request.peer.empty() ? "" : " ") + request.peer});
    // What counts is this customer: the exit status also speaks of others, and of what follows later.
    const auto served = hands_.in_force().share(request.customer);
    if (served != nullptr && served->text == written) {
        out.text += remark(report, request.customer);
        if (request.action == WebAction::kResume && config::is_suspended(served->customer))
            out.text += "; it stays off while its reseller is suspended";
        return out;
    }
    // What did not come into force is not in the file either.
    if (const Status back = put_back(amend::customer_path(directory_, request.customer), written, accepted->text);
        !back)
        log(LogLevel::kError, "page_change_not_undone",
            {{"customer", request.customer}, {"reason", back.error().what}});
    return failed(report, user);
}

}  // namespace warren::stacks
