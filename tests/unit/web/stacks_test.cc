// What stackd told of a customer's stack, on the page of a customer that is renamed.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/web/vpnd_rounds.h"
#include "web/api/views.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Two companies, each with its LAN, whatever their ids are.
struct Companies {
    Census census;
    SystemFacts facts;
    Vpnd vpnd;
    ipc::WebStack first{"acme", "veth", "", {*parse_prefix("10.1.0.1/24")}, {}, 0, {}, 0, false};
    ipc::WebStack second{"globex", "veth", "", {*parse_prefix("10.2.0.1/24")}, {}, 0, {}, 0, true};
    std::vector<Rename> swap{{"acme", "globex"}, {"globex", "acme"}};

    Companies() {
        vpnd.customer().settings.name = "First Ltd";
        vpnd.round.customers.push_back(vpnd.round.customers[0]);
        vpnd.round.customers[1].customer.settings.id = "globex";
        vpnd.round.customers[1].customer.settings.name = "Second Ltd";
        census.apply_snapshot(at(0), vpnd.round);
        tell_stacks();
    }
    void tell_renames(const std::vector<Rename>& renames) {
        rename_stacks(facts, renames);
        census.tell_renames(vpnd.round.header.generation, renames);
    }
    void tell_stacks() {
        facts.stacks = {{first.customer, first}, {second.customer, second}};
        facts.incomplete = {first.customer};
    }
    void check_lans() const {
        Viewer viewer;
        viewer.grant.role = access::Role::kViewer;
        for (const char* id : {"acme", "globex"}) {
            const std::string body = customer_json(census, *census.find(id), facts, viewer);
            CHECK(contains(body, "First Ltd") != contains(body, "Second Ltd"));
            CHECK(contains(body, "First Ltd") == contains(body, "10.1.0.1/24"));
            CHECK(contains(body, "Second Ltd") == contains(body, "10.2.0.1/24"));
        }
    }
};

}  // namespace

TEST_CASE_FIXTURE(Companies, "a renamed customer always has its own LAN, whether vpnd or stackd shows it first") {
    check_lans();
    for (const bool is_stackd_first : {true, false}) {
        CAPTURE(is_stackd_first);
        ++vpnd.round.header.generation;
        tell_renames(swap);
        check_lans();
        std::swap(first.customer, second.customer);
        CHECK(facts.stacks.at(first.customer) == first);
        CHECK(facts.incomplete == std::set<std::string>{first.customer});
        if (is_stackd_first) tell_stacks();
        check_lans();
        std::swap(vpnd.round.customers[0].customer.settings.name, vpnd.round.customers[1].customer.settings.name);
        census.apply_snapshot(at(2), vpnd.round);
        check_lans();
        if (!is_stackd_first) tell_stacks();
        check_lans();
    }
}

TEST_CASE_FIXTURE(Companies, "a customer has its own LAN after a rename that vpnd refused") {
    ++vpnd.round.header.generation;
    tell_renames(swap);
    tell_renames(swap);
    check_lans();
    census.apply_snapshot(at(2), vpnd.round);
    check_lans();
}
