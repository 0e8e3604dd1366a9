// nf_tables messages -> rules of a customer's firewall, and what is shown of them.
#include "ctl/show/firewall.h"

#include <doctest/doctest.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "base/kernel_names.h"

using namespace warren;
using namespace warren::ctl;

namespace {

// A rule in the making.
class Message {
  public:
    Message() {
        header_ = mnl_nlmsg_put_header(space_.data());
        header_->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE);
        mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg));
    }
    // Behind a comment, as Warren writes it.
    Message& text(const std::string& text) {
        std::string data = std::string("\0\2x\0", 4) + static_cast<char>(kRuleText);
        data += static_cast<char>(text.size() + 1);
        data += text + '\0';
        mnl_attr_put(header_, NFTA_RULE_USERDATA, data.size(), data.data());
        return *this;
    }
    Message& counted(std::uint64_t packets, std::uint64_t bytes, std::uint64_t milliseconds) {
        nlattr* const all = mnl_attr_nest_start(header_, NFTA_RULE_EXPRESSIONS);
        expression("counter", [&] {
            mnl_attr_put_u64(header_, NFTA_COUNTER_BYTES, htobe64(bytes));
            mnl_attr_put_u64(header_, NFTA_COUNTER_PACKETS, htobe64(packets));
        });
        expression("last", [&] {
            mnl_attr_put_u32(header_, NFTA_LAST_SET, htobe32(1));
            mnl_attr_put_u64(header_, NFTA_LAST_MSECS, htobe64(milliseconds));
        });
        mnl_attr_nest_end(header_, all);
        return *this;
    }
    nlmsghdr& header() { return *header_; }
    [[nodiscard]] std::optional<ShownRule> parse() const { return parse_rule(*header_); }

  private:
    template <typename Inside>
    void expression(const char* name, const Inside& inside) {
        nlattr* const one = mnl_attr_nest_start(header_, NFTA_LIST_ELEM);
        mnl_attr_put_strz(header_, NFTA_EXPR_NAME, name);
        nlattr* const data = mnl_attr_nest_start(header_, NFTA_EXPR_DATA);
        inside();
        mnl_attr_nest_end(header_, data);
        mnl_attr_nest_end(header_, one);
    }

    alignas(nlmsghdr) std::array<char, 1024> space_{};
    nlmsghdr* header_;
};

ShownFirewall shown() {
    ShownFirewall out;
    add_rule(out, {"refused", false, "20000", 1, 60, 500});
    add_rule(out, {"refused", false, "20000", 2, 120, std::nullopt});
    add_rule(out, {"web", true, "any -> any tcp 443 reject", 1, 60, std::nullopt});
    add_rule(out, {"web", true, "any -> any tcp 443 reject", 2, 80, 3000});
    add_rule(out, {"default", true, "any -> any drop", 5, 500, std::nullopt});  // somebody called it so
    add_rule(out, {"default", false, "", 7, 700, 61'000});
    out.connections = 12;
    return out;
}

}  // namespace

TEST_CASE("a rule's name, words and counters") {
    const auto rule = Message().text("rule web\nany -> any tcp 443 accept").counted(3, 180, 2500).parse();
    CHECK(rule == ShownRule{"web", true, "any -> any tcp 443 accept", 3, 180, 2500});
    CHECK(Message().text("default\n").parse() == ShownRule{"default", false, "", 0, 0, std::nullopt});
    CHECK(Message().text("ping").parse() == ShownRule{"ping", false, "", 0, 0, std::nullopt});
}

TEST_CASE("what is no rule of a policy is not shown") {
    CHECK_FALSE(Message().parse().has_value());
    CHECK_FALSE(Message().counted(1, 2, 3).parse().has_value());
    Message other;
    other.text("default\n").header().nlmsg_type = NLMSG_DONE;
    CHECK_FALSE(other.parse().has_value());
    Message cut;
    cut.text("default\n").header().nlmsg_len = NLMSG_HDRLEN;
    CHECK_FALSE(cut.parse().has_value());
}

TEST_CASE("the kernel's rules of one rule are one, and those of the same name by others are not") {
    const ShownFirewall firewall = shown();
    REQUIRE(firewall.rules.size() == 3);
    CHECK(firewall.rules[0] == ShownRule{"web", true, "any -> any tcp 443 reject", 3, 140, 3000});
    CHECK(firewall.rules[1].is_own);
    CHECK_FALSE(firewall.rules[2].is_own);
    CHECK(firewall.refused == ShownRule{"refused", false, "20000", 3, 180, 500});
    CHECK(firewall.most == 20000);
}

TEST_CASE("a firewall as text and as a document") {
    CHECK(firewall_text(shown()) ==
          "RULE     WHAT                       PACKETS  BYTES  LAST\n"
          "web      any -> any tcp 443 reject        3  140 B  3 s\n"
          "default  any -> any drop                  5  500 B  -\n"
          "default  -                                7  700 B  61 s\n"
          "connections 12 of 20000 tracked, 3 packets refused\n");
    CHECK(firewall_text({}) == "no rules of its own: peers and handoff reach each other\n");
    const auto document = nlohmann::json::parse(firewall_json("acme", shown()));
    CHECK(document["rules"][0]["last_hit_seconds"] == 3);
    CHECK(document["rules"][1]["last_hit_seconds"].is_null());
    CHECK(document["rules"][2]["own"] == false);
    CHECK(document["refused"]["packets"] == 3);
    CHECK(document["max_connections"] == 20000);
    CHECK(nlohmann::json::parse(firewall_json("acme", {}))["connections"].is_null());
}
