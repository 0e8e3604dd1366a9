// import: peers from a server's file of wg-quick, or from a table
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <map>
#include <ostream>
#include <set>

#include "base/printable.h"
#include "clients/address_pool.h"
#include "clients/import.h"
#include "clients/names.h"
#include "config/diagnostic.h"
#include "config/edit/edit.h"
#include "config/parse.h"
#include "crypto/secret.h"
#include "ctl/commands/change.h"
#include "ctl/commands/profile_output.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "ctl/files/new_secrets.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr const char* kTable = "wireguard.peer";
constexpr std::size_t kListener = std::numeric_limits<std::size_t>::max();  // where peers have their index

std::vector<std::string> texts_of(const std::vector<Prefix>& networks) {
    std::vector<std::string> out;
    for (const Prefix& network : networks) out.push_back(to_string(network));
    return out;
}

// What is said of a line of the source, which may hold anything.
std::string shown(const std::string& text) {
    return printable(config::mask_keys(text));
}

void wipe(std::string& text) {
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

class Import {
  public:
    Import(const Invocation& invocation, Output& output)
        : invocation_(invocation),
          output_(output),
          kind_(invocation.arguments[0]),
          file_(invocation.arguments[1]),
          id_(invocation.change.customer),
          secrets_(invocation.config_dir) {}
    ~Import() {
        wipe(from_.private_key);
        for (clients::ImportedPeer& peer : from_.peers) wipe(peer.preshared_key);
    }
    Import(const Import&) = delete;
    Import& operator=(const Import&) = delete;

    int run() {
        if (const int status = read(); status != kDone) return status;
        const auto present = read_state(customer_path(invocation_.config_dir, id_));
        if (!present) return complain(output_, kFailed, present.error().what);
        is_new_ = !present->exists;
        if (const std::string left = interface_left_out(); !left.empty())
            output_.err << fmt::format("{}: not translated: {}\n", printable(file_), left);
        return invocation_.change.write ? write() : print(*present);
    }

  private:
    // The source, with what is wrong or left out.
    int read() {
        if (kind_ != "wg-quick" && kind_ != "csv")
            return complain(output_, kUsage, "import: use wg-quick FILE or csv FILE");
        if (id_.empty()) return complain(output_, kUsage, "of which customer are the peers? Say --customer ID");
        if (const std::string problem = customer_problem(id_); !problem.empty())
            return complain(output_, kUsage, problem);
        if (::access(file_.c_str(), R_OK) != 0)
            return complain(output_, kFailed, fail_errno("read " + file_, errno).value().what);
        auto text = read_text(file_);
        if (!text) return complain(output_, kFailed, text.error().what);
        const SecretText source(std::move(*text));
        from_ = kind_ == "csv" ? clients::import_csv(source.text()) : clients::import_wg_quick(source.text());
        for (const clients::ImportNote& note : from_.errors)
            output_.err << fmt::format("{}:{}: error: {}\n", printable(file_), note.line, shown(note.text));
        for (const clients::ImportNote& note : from_.notes)
            output_.err << fmt::format("{}:{}: not translated: {}\n", printable(file_), note.line, shown(note.text));
        if (!from_.errors.empty()) return complain(output_, kFailed, "nothing was imported");
        return kDone;
    }

    int write() {
        CustomerChange change;
        change.id = id_;
        change.is_new = is_new_;
        change.edit = [this](const std::string& text, const config::Customer& now) { return edited(text, now); };
        if (const int status = write_customer(change, invocation_, output_); status != kDone) return status;
        secrets_.keep();
        output_.out << fmt::format("{} peer{} imported into {}\n", from_.peers.size(),
                                   from_.peers.size() == 1 ? "" : "s", customer_path(invocation_.config_dir, id_));
        return apply_change(invocation_, "", output_);
    }

    int print(const FileState& present) {
        std::vector<config::Diagnostic> ignored;
        const auto now = config::parse_customer(file_, id_, present.text, ignored);
        const auto text = edited(present.text, now.value);
        if (!text) return complain(output_, kFailed, text.error().what);
        output_.out << *text;
        if (has_secrets()) output_.err << "vpnctl: --write makes the files of its secrets too\n";
        return kDone;
    }

    // What of the source's own side is not taken; "" for nothing.
    [[nodiscard]] std::string interface_left_out() const {
        const bool has_any = !from_.addresses.empty() || from_.listen_port || from_.mtu || !from_.private_key.empty();
        if (!is_new_ && has_any)
            return fmt::format("Address, ListenPort, PrivateKey and MTU, because {} has its own", id_);
        if (from_.listen_port.has_value() == !from_.private_key.empty()) return {};
        return from_.listen_port ? "ListenPort without PrivateKey" : "PrivateKey without ListenPort";
    }

    [[nodiscard]] bool has_secrets() const {
        return !from_.private_key.empty() || std::any_of(from_.peers.begin(), from_.peers.end(),
                                                         [](const auto& one) { return !one.preshared_key.empty(); });
    }

    // The name of a secret, and its file when it shall be written. Once for each `owner`: the peer's index in the
    // source, or kListener. The peer's name may be another one when the file is edited again.
    Result<std::string> secret(std::size_t owner, const std::string& name, std::string_view suffix,
                               const std::string& text) {
        const auto found = made_.find(owner);
        if (found != made_.end()) return found->second;
        std::string ref = fmt::format("{}/{}{}", id_, name, suffix);
        if (invocation_.change.write) {
            auto made = secrets_.add(id_, name, suffix, text);
            if (!made) return made;
            ref = *made;
        }
        made_[owner] = ref;
        return ref;
    }

    Result<std::string> edited(const std::string& text, const config::Customer& now) {
        std::string out = text;
        config::Customer customer = now;
        if (is_new_) {
            if (from_.addresses.empty())
                return fail(
                    ErrorCode::kInvalid,
                    fmt::format("there is no customer {}, and the source has no addresses for its stack; vpnctl "
                                "customer add {} --address ADDR",
                                id_, id_));
            auto made = new_text();
            if (!made) return made;
            out = std::move(*made);
            customer.stack.addresses = from_.addresses;
        }
        auto elements = elements_of(customer);
        if (!elements) return tl::unexpected<Error>(elements.error());
        return config::edit(out, config::AddElements{kTable, std::move(*elements)});
    }

    // A customer with the listener of the source, so that its peers need no change.
    Result<std::string> new_text() {
        std::string out = fmt::format("schema = 1\nname = {}\n\n[stack]\naddresses = {}\n", config::toml_string(id_),
                                      config::toml_strings(texts_of(from_.addresses)));
        if (from_.mtu) out += fmt::format("mtu = {}\n", *from_.mtu);
        if (!from_.listen_port || from_.private_key.empty()) return out;
        const auto key = secret(kListener, "listener", "", from_.private_key);
        if (!key) return key;
        return out + fmt::format("\n[wireguard]\nlisten_port = {}\nprivate_key = {{ secret = {} }}\n",
                                 *from_.listen_port, config::toml_string(*key));
    }

    Result<std::vector<config::Fields>> elements_of(const config::Customer& customer) {
        std::set<std::string> names;
        for (const config::Peer& peer : customer.peers) names.insert(peer.name);
        clients::AddressPool pool(customer);
        for (const clients::ImportedPeer& peer : from_.peers)
            for (const Prefix& network : peer.networks) pool.take(network);
        std::vector<config::Fields> out;
        for (std::size_t i = 0; i < from_.peers.size(); ++i) {
            auto fields = fields_of(i, names, pool);
            if (!fields) return tl::unexpected<Error>(fields.error());
            out.push_back(std::move(*fields));
        }
        return out;
    }

    Result<config::Fields> fields_of(std::size_t index, std::set<std::string>& names, clients::AddressPool& pool) {
        const clients::ImportedPeer& peer = from_.peers[index];
        const std::string name = clients::peer_name_from(peer.name, names);
        config::Fields out{{"name", config::toml_string(name)}};
        // The original name is kept where it had to change.
        const std::string original = name == peer.name ? "" : peer.name;
        const bool has_both = !original.empty() && !peer.description.empty();
        const std::string description = clients::description_from(original + (has_both ? ", " : "") + peer.description);
        if (!description.empty()) out.emplace_back("description", config::toml_string(description));
        out.emplace_back("public_key", config::toml_string(peer.public_key));
        if (!peer.preshared_key.empty()) {
            const auto key = secret(index, name, ".psk", peer.preshared_key);
            if (!key) return tl::unexpected<Error>(key.error());
            out.emplace_back("preshared_key", fmt::format("{{ secret = {} }}", config::toml_string(*key)));
        }
        std::vector<Prefix> networks = peer.networks;
        if (networks.empty()) {
            auto free = pool.next();
            if (!free) return tl::unexpected<Error>(free.error());
            networks = std::move(*free);
        }
        out.emplace_back("allowed_ips", config::toml_strings(texts_of(networks)));
        if (peer.endpoint) out.emplace_back("endpoint", config::toml_string(to_string(*peer.endpoint)));
        if (peer.persistent_keepalive_seconds != 0)
            out.emplace_back("persistent_keepalive", fmt::to_string(peer.persistent_keepalive_seconds));
        if (!peer.enabled) out.emplace_back("enabled", "false");
        return out;
    }

    const Invocation& invocation_;
    Output& output_;
    std::string kind_;
    std::string file_;
    std::string id_;
    bool is_new_ = false;
    clients::Imported from_;
    NewSecrets secrets_;
    std::map<std::size_t, std::string> made_;  // secrets: whose they are -> their names
};

}  // namespace

int run_import(const Invocation& invocation, Output& output) {
    return Import(invocation, output).run();
}

}  // namespace warren::ctl
