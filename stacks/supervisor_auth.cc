// authd's part in the life of a generation: it has a secret before vpnd may ask for it, and as long as vpnd may.
#include <set>
#include <utility>

#include "base/log.h"
#include "config/tunnel.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

ipc::Secret copy_of(const AuthSecret& secret) {
    ipc::Secret out{secret.kind, {}, secret.crl_required, secret.realms};
    for (const AuthSecret::File& file : secret.files)
        out.files.push_back({file.what, crypto::SecretBuffer(file.content)});
    return out;
}

}  // namespace

void Supervisor::tell_secrets(VpndLink& link, const config::Generation& generation, bool is_in_force) {
    std::set<SecretId> needed;
    for_each_secret(generation, [&](const AuthSecret& secret) {
        const SecretId id = reconciler_.numbers().of(secret);
        if (needed.insert(id).second && auth_ && !auth_->has(id)) auth_->put(now(), id, copy_of(secret));
    });
    const bool has_listener = config::find(generation.appliance.listeners, ListenerKind::kIke) != nullptr;
    wants_auth_ = has_listener || !needed.empty();
    if (!auth_) return;
    auth_->serve_listener(now(), has_listener);
    if (is_in_force) return auth_->keep_only(needed);
    auth_->run(now());
    pass_asker(link);
}

void Supervisor::pass_asker(VpndLink& link) {
    if (!auth_ || !auth_->lacks_asker(now()) || !link.is_connected()) return;
    auto asker = auth_->make_asker();
    Status passed;
    if (!asker) passed = tl::unexpected<Error>(asker.error());
    if (asker) passed = link.pass(ipc::PutAuthChannel{}, {asker->get()});
    if (passed) return;
    auth_->forget_asker();
    log(LogLevel::kWarn, "authd_not_passed", {{"reason", passed.error().what}});
    if (asker) link.close();
}

void Supervisor::serve_auth() {
    if (!auth_) return;
    auth_->run(now());
    pass_asker(link_);
}

std::vector<ipc::ControlText> Supervisor::problems() const {
    std::vector<ipc::ControlText> out = reconciler_.problems();
    add_history(out);
    reconciler_.learned().add_problems(out);
    const auto of_services = services_.problems();
    out.insert(out.end(), of_services.begin(), of_services.end());
    if (alerts_ && alerts_->is_wanted() && !alerts_->is_running() && !alerts_->problem().empty())
        out.push_back({ipc::ControlText::Kind::kNote, "",
                       "alertd is not running (" + alerts_->problem() + "); nobody is told of anything"});
    if (!alerts_ && reconciler_.current().appliance.alerts)
        out.push_back({ipc::ControlText::Kind::kNote, "",
                       "alertd is not running (there is no program); nobody is told of anything"});
    if (!wants_auth_ || (auth_ && (auth_->is_running() || auth_->problem().empty()))) return out;
    out.push_back({ipc::ControlText::Kind::kNote, "",
                   "authd is not running (" + (auth_ ? auth_->problem() : std::string("there is no program")) +
                       "); the tunnels go on, but no site of IPsec comes up"});
    return out;
}

}  // namespace warren::stacks
