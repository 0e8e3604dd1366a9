#include "ctl/commands/rotate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "config/edit/edit.h"
#include "config/parse.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/profile_output.h"
#include "ctl/files/customer_file.h"

namespace warren::ctl {

namespace {

constexpr const char* kTable = "wireguard.peer";
constexpr const char* kNextKey = "next_public_key";

std::string_view view_of(const crypto::Secret<44>& text) {
    return {reinterpret_cast<const char*>(text.reveal().data()), text.kSize};
}

class Rotation {
  public:
    Rotation(const Invocation& invocation, Output& output)
        : invocation_(invocation),
          output_(output),
          options_(invocation.change),
          customer_(invocation.arguments[1]),
          name_(invocation.arguments[2]),
          profile_output_(invocation) {}

    int run() {
        if (options_.commit && options_.cancel) return complain(output_, kUsage, "either --commit or --cancel");
        if (options_.commit || options_.cancel) return end();
        return begin();
    }

  private:
    // --- the beginning: a second key ---

    int begin() {
        if (const std::string problem = profile_output_.problem(); !problem.empty())
            return complain(output_, kUsage, problem);
        next_key_ = options_.public_key;
        if (makes_profile()) {
            crypto::SystemRandom random;
            const auto pair = crypto::key_pair_of(crypto::generate_private_key(random));
            private_key_ = crypto::to_base64(pair.private_key);
            next_key_ = crypto::to_base64(pair.public_key);
        }
        CustomerChange change;
        change.id = customer_;
        change.edit = [this](const std::string& text, const config::Customer& now) -> Result<std::string> {
            const auto tunnel = tunnel_of(now);
            if (!tunnel) return tl::unexpected<Error>(tunnel.error());
            if ((*tunnel)->next_public_key)
                return fail(ErrorCode::kConflict, fmt::format("{} has a next key already: --commit makes it the only "
                                                              "one, --cancel removes it",
                                                              name_));
            return config::edit(text, config::SetKey{table(), kNextKey, config::toml_string(next_key_)});
        };
        change.before_writing = [this](const config::Loaded& next) -> Status {
            if (!makes_profile()) return {};
            auto text = profile_text(next, customer_, name_, view_of(private_key_));
            if (!text) return tl::unexpected<Error>(text.error());
            profile_ = std::move(*text);
            return profile_output_.write(profile_);
        };
        if (const int status = write_customer(change, invocation_, output_); status != kDone) {
            profile_output_.take_back();
            return status;
        }
        report();
        Output to_errors{output_.err, output_.err};
        return apply_change(invocation_, "", to_errors);
    }

    void report() const {
        if (invocation_.json) {
            const bool is_in_file = !options_.out.empty() || !options_.svg.empty();
            using Json = nlohmann::ordered_json;
            output_.out << Json{{"customer", customer_},
                                {"name", name_},
                                {"next_public_key", next_key_},
                                {"profile", is_in_file || !makes_profile() ? Json() : Json(profile_.text())}}
                               .dump(2)
                        << '\n';
            return;
        }
        if (makes_profile()) profile_output_.print(profile_, output_);
        output_.err << fmt::format(
            "vpnctl: {} of {} may use its next key beside the present one; when it does (vpnctl peer show): vpnctl "
            "peer "
            "rotate {} {} --commit\n",
            name_, customer_, customer_, name_);
        if (makes_profile()) output_.err << "vpnctl: its private key is stored nowhere else\n";
    }

    // --- the end: one key again ---

    int end() {
        if (const Status keyed = check_next_key(); !keyed) return complain(output_, kFailed, keyed.error().what);
        if (!options_.force && may_end_tunnel()) {
            const std::string what = options_.commit ? fmt::format("{} was not seen with its next key", name_)
                                                     : fmt::format("{} still uses its next key", name_);
            if (!agrees(what + ": its tunnel ends. Go on?", output_))
                return complain(output_, kAnswerIsNo, what + "; --force ends its tunnel");
        }
        CustomerChange change;
        change.id = customer_;
        change.edit = [this](const std::string& text, const config::Customer& now) -> Result<std::string> {
            const auto tunnel = tunnel_of(now);
            if (!tunnel) return tl::unexpected<Error>(tunnel.error());
            const auto& next = (*tunnel)->next_public_key;
            if (!next) return fail(ErrorCode::kNotFound, fmt::format("{} has no next key", name_));
            auto out = config::edit(text, config::RemoveKey{table(), kNextKey});
            if (!out || options_.cancel) return out;
            const std::string key = config::toml_string(crypto::to_base64(*next));
            return config::edit(*out, config::SetKey{table(), "public_key", key});
        };
        if (const int status = write_customer(change, invocation_, output_); status != kDone) return status;
        return apply_change(invocation_, "", output_);
    }

    // Before anything is asked, as the file says now. What keeps it from being read is told when it is changed.
    [[nodiscard]] Status check_next_key() const {
        if (!customer_problem(customer_).empty()) return {};
        const std::string path = customer_path(invocation_.config_dir, customer_);
        const auto file = read_state(path);
        if (!file || !file->exists) return {};
        std::vector<config::Diagnostic> ignored;
        const auto parsed = config::parse_customer(path, customer_, file->text, ignored);
        const auto tunnel = tunnel_of(parsed.value);
        if (!tunnel) return tl::unexpected<Error>(tunnel.error());
        if (!(*tunnel)->next_public_key) return fail(ErrorCode::kNotFound, fmt::format("{} has no next key", name_));
        return {};
    }

    // It may know the key that goes and no other: whoever is not there now, and who can tell while vpnd is away?
    [[nodiscard]] bool may_end_tunnel() const {
        const auto live = fetch_snapshot(invocation_.run_dir, {customer_, true});
        if (!live || live->customers.size() != 1) return options_.commit;
        const auto& peers = live->customers[0].peers;
        const auto peer =
            std::find_if(peers.begin(), peers.end(), [this](const auto& one) { return one.settings.name == name_; });
        if (options_.commit) return peer == peers.end() || !peer->activity.uses_next_key;
        return peer != peers.end() && peer->activity.has_session && peer->activity.uses_next_key;
    }

    // --- both ---

    [[nodiscard]] bool makes_profile() const { return options_.public_key.empty(); }
    [[nodiscard]] config::TableName table() const { return {kTable, name_}; }

    Result<const config::WireguardTunnel*> tunnel_of(const config::Customer& now) const {
        const auto peer =
            std::find_if(now.peers.begin(), now.peers.end(), [this](const auto& one) { return one.name == name_; });
        if (peer == now.peers.end())
            return fail(ErrorCode::kNotFound, fmt::format("{} has no peer {} of WireGuard", customer_, name_));
        return &std::get<config::WireguardTunnel>(peer->tunnel);
    }

    const Invocation& invocation_;
    Output& output_;
    const ChangeOptions& options_;
    std::string customer_;
    std::string name_;
    ProfileOutput profile_output_;
    crypto::Secret<44> private_key_;
    std::string next_key_;
    SecretText profile_;
};

}  // namespace

int rotate_peer(const Invocation& invocation, Output& output) {
    return Rotation(invocation, output).run();
}

}  // namespace warren::ctl
