#include "stacks/page_changes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "access/secrets.h"
#include "amend/change.h"
#include "amend/customer_file.h"
#include "amend/new_peer.h"
#include "amend/profile.h"
#include "base/log.h"
#include "base/printable.h"
#include "clients/profile.h"
#include "config/edit/edit.h"
#include "config/file_reader.h"
#include "config/parse.h"
#include "crypto/secret.h"

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

// What was done, or why not, in the words of the report.
ipc::WebChanged answer_of(const Report& report, std::string done) {
    if (report.exit_status == 0) return answer(WebVerdict::kDone, std::move(done));
    std::string text = report.summary;
    for (const ipc::ControlText& one : report.texts) {
        if (one.kind == ipc::ControlText::Kind::kNote || one.kind == ipc::ControlText::Kind::kDiagnostic)
            text += "; " + one.text;
    }
    return answer(WebVerdict::kFailed, std::move(text));
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
    if (user == nullptr || request.password.size() > ipc::WebUnlock::kMaxPassword)
        return refused(WebVerdict::kLocked, "the password is wrong");
    if (user->grant.role == access::Role::kViewer) return refused(WebVerdict::kForbidden, "a viewer changes nothing");
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
    std::string name = "nobody";
    const auto known = users();
    const auto user = known ? tickets_.use(now, request.ticket, *known) : std::nullopt;
    if (user) name = user->name;
    if (!hands_.in_force().appliance.status_changes) {
        out = answer(WebVerdict::kForbidden, "the page changes nothing here ([status] changes = true lets it)");
    } else if (!user) {
        out = answer(WebVerdict::kLocked, "show your password again");
    } else if (const std::string objection = objection_to(user->grant, request); !objection.empty()) {
        out = answer(WebVerdict::kForbidden, objection);
    } else if (!takes_turn(now, *user, request)) {
        out = answer(WebVerdict::kBusy, "too many changes; try again in a minute");
    } else {
        out = carry_out(*user, request);
    }
    log(out.verdict == WebVerdict::kDone ? LogLevel::kInfo : LogLevel::kWarn, "page_change",
        {{"user", name},
         {"action", std::string(name_of(request.action))},
         {"customer", printable(request.customer)},
         {"peer", printable(request.peer)},
         {"outcome", out.verdict == WebVerdict::kDone ? "done" : printable(out.text.substr(0, 200))}});
    out.id = request.id;
    if (out.text.size() > ipc::WebChanged::kMaxText) out.text.resize(ipc::WebChanged::kMaxText);
    return out;
}

bool PageChanges::takes_turn(Instant now, const access::User& user, const ipc::WebChange& request) {
    const bool is_operator = user.grant.role == access::Role::kOperator;
    const Duration price = is_operator ? kOperatorPrice : kCustomerPrice;
    TokenBucket& bucket = turns_[is_operator ? "user " + user.name : "customer " + request.customer];
    if (!bucket.is_open(now)) return false;
    bucket.charge(now, price, price * (kBurst - 1));
    return true;
}

ipc::WebChanged PageChanges::carry_out(const access::User& user, const ipc::WebChange& request) {
    if (request.action != WebAction::kConfirm && request.action != WebAction::kGoBack)
        return change_file(user, request);
    if (hands_.pending() == 0 || hands_.pending() != request.pending)
        return answer(WebVerdict::kConflict, "this does not wait for a confirmation any more");
    if (request.action == WebAction::kConfirm)
        return answer_of(hands_.confirm(), "confirmed: the configuration in force stays");
    return answer_of(hands_.go_back({history::Origin::Kind::kPage, 0, user.name, "asked for"}),
                     fmt::format("revision {} is in force again", request.pending));
}

// What a customer's own users are bounded by. An operator's bounds are those of the file.
std::optional<ipc::WebChanged> PageChanges::refuse(const access::User& user, const ipc::WebChange& request,
                                                   const config::Customer& customer) const {
    if (user.grant.role == access::Role::kOperator || request.action == WebAction::kDisablePeer) return std::nullopt;
    const auto most = customer.max_peers;
    if (!most) return answer(WebVerdict::kForbidden, "the operator has not said how many devices there may be");
    const auto enabled = static_cast<std::size_t>(std::count_if(customer.peers.begin(), customer.peers.end(),
                                                                [](const config::Peer& peer) { return peer.enabled; }));
    if (enabled >= *most)
        return answer(WebVerdict::kConflict, fmt::format("there are {} of {} devices", enabled, *most));
    // Those that were disabled are in the file, too.
    if (request.action == WebAction::kAddDevice && customer.peers.size() >= std::size_t{2} * *most)
        return answer(WebVerdict::kConflict, "there are many disabled devices; ask the operator to remove some");
    return std::nullopt;
}

ipc::WebChanged PageChanges::change_file(const access::User& user, const ipc::WebChange& request) {
    if (const std::string reason = hands_.reason_to_wait(); !reason.empty())
        return answer(WebVerdict::kConflict, reason);
    const config::Generation& now = hands_.in_force();
    const config::AcceptedCustomer* accepted = now.find(request.customer);
    if (accepted == nullptr) return answer(WebVerdict::kNotFound, "there is no such customer");
    if (auto refused = refuse(user, request, accepted->customer)) return std::move(*refused);
    const auto lock = amend::try_lock_configuration(directory_);
    if (!lock) return answer(verdict_of(lock.error().code), lock.error().what);
    const std::string path = amend::customer_path(directory_, request.customer);
    const auto before = amend::read_state(path);
    if (!before) return answer(WebVerdict::kFailed, before.error().what);
    // Half a change by hand is not for a user of the page to bring into force.
    if (!before->exists || before->text != accepted->text)
        return answer(WebVerdict::kConflict, "the customer's file has changes that are not in force yet");

    ipc::WebChanged out = answer(WebVerdict::kDone, fmt::format("{}: {}", request.customer, name_of(request.action)));
    amend::CustomerChange change;
    change.id = request.customer;
    if (request.action == WebAction::kAddDevice) {
        change.edit = [&](const std::string& text, const config::Customer& customer) -> Result<std::string> {
            auto addresses = amend::next_addresses(customer);
            if (!addresses) return tl::unexpected<Error>(addresses.error());
            return amend::with_peer(text, {request.peer, request.description, request.public_key, "", *addresses});
        };
        change.before_writing = [&](const config::Loaded& next) -> Status {
            const auto profile = amend::profile_text(next, request.customer, request.peer, clients::kNoPrivateKey);
            if (!profile) return tl::unexpected<Error>(profile.error());
            out.profile = profile->text();
            return {};
        };
    } else {
        change.edit = [&](const std::string& text, const config::Customer&) {
            return config::edit(text, operation_of(request));
        };
    }
    if (const auto refusal = amend::change_customer(directory_, change, amend::check_with_all(directory_, &now))) {
        std::string text = refusal->error.what;
        // What others have is not for a customer's users: a clash names them.
        if (refusal->error.code == ErrorCode::kInvalid && user.grant.role != access::Role::kOperator)
            return answer(WebVerdict::kInvalid, "this name or key cannot be used");
        for (const std::string& diagnostic : refusal->diagnostics) text += "\n" + diagnostic;
        return answer(verdict_of(refusal->error.code), std::move(text));
    }
    const Report report = hands_.apply(
        request.customer, {history::Origin::Kind::kPage, 0, user.name,
                           std::string(name_of(request.action)) + (request.peer.empty() ? "" : " ") + request.peer});
    if (report.exit_status == 0) return out;
    const auto written = amend::read_state(path);
    const config::AcceptedCustomer* served = hands_.in_force().find(request.customer);
    // It is in force, and vpnd gets it later.
    if (written && served != nullptr && served->text == written->text) return answer_of(report, "");
    // What did not come into force is not in the file either.
    const Status back =
        written ? amend::write_over(path, *written, before->text) : Status(tl::unexpected<Error>(written.error()));
    if (!back)
        log(LogLevel::kError, "page_change_not_undone",
            {{"customer", request.customer}, {"reason", back.error().what}});
    return answer_of(report, "");
}

}  // namespace warren::stacks
