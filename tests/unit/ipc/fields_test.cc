// No field of a message is left out of its list, and the whole compares unequal when any one of them changes.
#include <doctest/doctest.h>

#include <functional>
#include <typeinfo>

#include "ipc/alert_targets.h"
#include "ipc/auth_messages.h"
#include "ipc/config_messages.h"
#include "ipc/control_fields.h"
#include "ipc/snapshot.h"
#include "ipc/web_look.h"
#include "ipc/web_revisions.h"
#include "ipc/web_stacks.h"
#include "tests/unit/ipc/field_changer.h"

using namespace warren;
using namespace warren::ipc;

namespace {

template <typename T>
void check_list() {
    INFO(doctest::String(typeid(T).name()));
    CHECK(test::count_listed<T>() == test::count_members<T>());
}

template <typename T>
void check_comparison(const std::function<T()>& sample) {
    INFO(doctest::String(typeid(T).name()));
    const std::size_t count = test::count_fields(sample());
    CHECK(count > 0);
    CHECK(sample() == sample());
    for (std::size_t i = 0; i < count; ++i) {
        INFO("field ", i);
        T changed = sample();
        test::change_field(changed, i);
        CHECK(changed != sample());
    }
}

}  // namespace

TEST_CASE("every member of a message is in its list of fields") {
    check_list<Hello>();
    check_list<HoldingListener>();
    check_list<HoldingCustomer>();
    check_list<HoldingEnd>();
    check_list<Begin>();
    check_list<PutListener>();
    check_list<PutCustomer>();
    check_list<PutPeer>();
    check_list<PutPrefixes>();
    check_list<PutConnection>();
    check_list<IkeIdentity>();
    check_list<IkeTransform>();
    check_list<IkeGateway>();
    check_list<IkeListener>();
    check_list<IpsecCustomer>();
    check_list<IpsecChild>();
    check_list<ConnectionSettings>();
    check_list<ConnectionActivity>();
    check_list<ConnectionSnapshot>();
    check_list<IkeSaSnapshot>();
    check_list<ChildSnapshot>();
    check_list<AttemptsRequest>();
    check_list<PutSecret>();
    check_list<SecretPart>();
    check_list<PskMacAsk>();
    check_list<SignAsk>();
    check_list<VerifyPeerAsk>();
    check_list<UserAsk>();
    check_list<EapStepAsk>();
    check_list<PpkMixAsk>();
    check_list<AuthAsk>();
    check_list<PskMacAnswer>();
    check_list<SignAnswer>();
    check_list<VerifyPeerAnswer>();
    check_list<UserAnswer>();
    check_list<EapStepAnswer>();
    check_list<PpkMixAnswer>();
    check_list<AuthAnswer>();
    check_list<AttemptSnapshot>();
    check_list<RemoveCustomer>();
    check_list<RemoveListener>();
    check_list<Commit>();
    check_list<Applied>();
    check_list<Rejected>();
    check_list<SetLogLevel>();
    check_list<RenameCustomer>();
    check_list<ListenerId>();
    check_list<DescriptorRole>();
    check_list<LinkEmulation>();
    check_list<PrefixMap>();
    check_list<ShareGroup>();
    check_list<CustomerSettings>();
    check_list<PeerSettings>();
    check_list<WireguardListener>();
    check_list<WireguardPeer>();
    check_list<ShownWireguardPeer>();
    check_list<SnapshotRequest>();
    check_list<WorkerSnapshot>();
    check_list<RefusedSender>();
    check_list<SnapshotHeader>();
    check_list<ListenerSnapshot>();
    check_list<CustomerActivity>();
    check_list<CustomerSnapshot>();
    check_list<PeerActivity>();
    check_list<PeerSnapshot>();
    check_list<SnapshotEnd>();
    check_list<SnapshotError>();
    check_list<DropSecret>();
    check_list<SecretEnd>();
    check_list<AuthAsker>();
    check_list<AuthLogLevel>();
    check_list<AuthProbe>();
    check_list<AuthAlive>();
    check_list<AuthAskerGone>();
    check_list<AskFailed>();
    check_list<PutAuthChannel>();
    check_list<PutUsageFile>();
    check_list<StartCapture>();
    check_list<PutTunnel>();
    check_list<NeedTunnel>();
    check_list<LeftTunnel>();
    check_list<ResetPeer>();
    check_list<OperateConnection>();
    check_list<Limits>();
    check_list<MonthUsage>();
    check_list<LinkEmulation>();
    check_list<PrefixMap>();
    check_list<ControlText>();
    check_list<WebStack>();
    check_list<WebFileChange>();
    check_list<WebRevision>();
    check_list<WebRule>();
    check_list<WebService>();
    check_list<WebNeighbour>();
    check_list<WebLan>();
    check_list<WebCertificateEnd>();
    check_list<WebLook>();
    check_list<WebLooked>();
    check_list<AlertTarget>();
    check_list<WebAlerts>();
}

TEST_CASE("settings and activities differ when any of their fields does") {
    check_comparison<CustomerSettings>([] {
        CustomerSettings sample;
        sample.addresses = {*parse_prefix("10.0.0.1/24")};
        return sample;
    });
    check_comparison<PeerSettings>([] {
        PeerSettings sample;
        sample.allowed_ips = {*parse_prefix("10.1.0.0/16")};
        sample.endpoint.emplace();
        sample.maps = {{*parse_prefix("10.1.0.0/16"), *parse_prefix("10.101.0.0/16")}};
        return sample;
    });
    check_comparison<WireguardListener>([] { return WireguardListener{}; });
    check_comparison<IkeListener>([] {
        IkeListener sample;
        sample.gateway.emplace();
        return sample;
    });
    check_comparison<IpsecCustomer>([] {
        IpsecCustomer sample;
        sample.addresses = sample.dns = {*parse_ip("198.51.100.7")};
        sample.realms = sample.dns_domains = {"x"};
        return sample;
    });
    check_comparison<PutConnection>([] {
        PutConnection sample;
        ConnectionSettings& settings = sample.settings;
        settings.local_identity.emplace();
        settings.remote_address = parse_ip("203.0.113.2");
        settings.encapsulation.emplace();
        const std::vector<Prefix> networks{*parse_prefix("10.1.0.0/16")};
        settings.pool = networks;
        settings.children = {{"lan", networks, networks, networks}};
        settings.ike = settings.esp = {{{1, 20, 256}}};
        return sample;
    });
    check_comparison<WireguardPeer>([] { return WireguardPeer{}; });
    check_comparison<ShownWireguardPeer>([] { return ShownWireguardPeer{}; });
    check_comparison<ListenerSnapshot>([] { return ListenerSnapshot{}; });
    check_comparison<CustomerActivity>([] {
        CustomerActivity sample;
        sample.drops = {{"x", 1}};
        return sample;
    });
    check_comparison<ConnectionActivity>([] {
        ConnectionActivity sample;
        sample.endpoint.emplace();
        return sample;
    });
    check_comparison<PeerActivity>([] {
        PeerActivity sample;
        sample.endpoint.emplace();
        sample.port_moves.emplace_back();
        sample.source_refused.emplace();
        return sample;
    });
}
