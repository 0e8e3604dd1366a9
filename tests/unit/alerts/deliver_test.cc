// What an answer of a receiver means, and what is shown of where it is.
#include "alerts/rim/deliver.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

using namespace warren;
using namespace warren::alerts;

TEST_CASE("only what is wrong with the alerts themselves is a refusal") {
    CHECK(verdict_of_http(204) == Delivery::kDone);
    for (const long status : {400L, 413L, 422L}) CHECK(verdict_of_http(status) == Delivery::kRefused);
    for (const long status : {0L, 302L, 401L, 403L, 404L, 407L, 408L, 410L, 429L, 500L, 503L})
        CHECK(verdict_of_http(status) == Delivery::kFailed);
    CHECK(verdict_of_smtp(554, true) == Delivery::kRefused);
    CHECK(verdict_of_smtp(451, true) == Delivery::kFailed);
    // Of a sender, a recipient or a login: somebody corrects it.
    CHECK(verdict_of_smtp(550, false) == Delivery::kFailed);
    CHECK(verdict_of_smtp(535, false) == Delivery::kFailed);
}

TEST_CASE("the path of a webhook, which may be a secret, is not shown") {
    ipc::AlertSettings settings;
    CHECK(place_of(settings, Receiver::kWebhook).empty());
    settings.webhook_url = "https://hooks.example.net:8443/services/T0/B0/secret";
    CHECK(place_of(settings, Receiver::kWebhook) == "https://hooks.example.net:8443/...");
    settings.webhook_url = "https://hooks.example.net?token=secret";
    CHECK(place_of(settings, Receiver::kWebhook) == "https://hooks.example.net/...");
    settings.webhook_url = "https://hooks.example.net/";
    CHECK(place_of(settings, Receiver::kWebhook) == "https://hooks.example.net/");
}

TEST_CASE("what a name takes is part of a delivery's time, and a name server has 2 s") {
    REQUIRE(start_delivering());
    REQUIRE(std::getenv("RES_OPTIONS") != nullptr);
    CHECK(std::string(std::getenv("RES_OPTIONS")) == "timeout:2 attempts:1");
    ipc::AlertSettings settings;
    settings.webhook_url = "http://localhost:9/";
    settings.mail_relay = "localhost:9";
    for (const Receiver receiver : {Receiver::kWebhook, Receiver::kMail}) {
        const Answer answer = deliver(settings, {receiver, {{}}, 0}, Duration(1));
        CHECK(answer.delivery == Delivery::kFailed);
        CHECK(answer.text == "localhost: no time was left after its name was resolved");
    }
}
