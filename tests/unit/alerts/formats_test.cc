// What receivers read, and that no name gets out of its place in it.
#include "alerts/model/formats.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;

namespace {

const std::string kHostile = "a\"}],\\\r\nBcc: x@y.z\r\n\r\n<0>1 - \x01\x7f\xff\xc2\x85\xe2\x80\xa8]\xf0\x9f\x94\xa5";

Alert alert(const std::string& name = "graz") {
    return {7,
            AlertState::kProblem,
            Severity::kWarning,
            {"peer_down", "acme", name},
            "Peer " + name + " is down.",
            {kNow.nanoseconds - 600 * kSecond},
            kNow};
}

Outbox::Batch batch(std::vector<Alert> alerts, std::uint64_t dropped = 0) {
    return {Receiver::kWebhook, std::move(alerts), dropped};
}

std::string decoded(std::string_view text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) continue;
        bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>((bits >> count) & 0xffU);
    }
    return out;
}

}  // namespace

TEST_CASE("a webhook gets JSON") {
    CHECK(webhook_body("pop-1", batch({alert()}, 3)) ==
          R"({"version":1,"appliance":"pop-1","dropped":3,"alerts":[{"id":"7","state":"problem","severity":"warning",)"
          R"("kind":"peer_down","customer":"acme","name":"graz","text":"Peer graz is down.",)"
          R"("since":"2025-11-30T10:43:20Z","at":"2025-11-30T10:53:20Z"}]})");
}

TEST_CASE("the signature is HMAC-SHA256 over the time, a dot and the body") {
    // Made with: printf '1764500000.{}' | openssl dgst -sha256 -hmac 'a key of twenty-two c.'
    CHECK(signature(as_bytes(std::string_view("a key of twenty-two c.")), 1'764'500'000, "{}") ==
          "t=1764500000,v1=af345b80d1169f4becdf368fa36e6f575e9c75252c0705489663e133959a8c72");
}

TEST_CASE("syslog gets RFC 5424") {
    CHECK(syslog_message("pop-1", alert()) ==
          "<28>1 2025-11-30T10:53:20Z pop-1 warren - peer_down [warren@32473 id=\"7\" state=\"problem\" "
          "severity=\"warning\" kind=\"peer_down\" customer=\"acme\" name=\"graz\" since=\"2025-11-30T10:43:20Z\"] "
          "\xef\xbb\xbfPeer graz is down.");
    CHECK(syslog_frame("<28>1 x") == "7 <28>1 x");
}

TEST_CASE("a mail has headers, and its text in base64") {
    const std::string text =
        mail_text({"pop-1", "warren@example.net", {"noc@example.net", "b@example.net"}}, batch({alert()}, 2), kNow);
    const auto end = text.find("\r\n\r\n");
    CHECK(text.substr(0, end) ==
          "Date: Sun, 30 Nov 2025 10:53:20 +0000\r\nFrom: warren@example.net\r\nTo: noc@example.net,\r\n "
          "b@example.net\r\n"
          "Subject: [pop-1] Peer graz is down.\r\nMessage-ID: <7.1@example.net>\r\nAuto-Submitted: auto-generated\r\n"
          "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64");
    CHECK(decoded(std::string_view(text).substr(end)) ==
          "2025-11-30T10:53:20Z  problem, warning: Peer graz is down.\r\n"
          "    since 2025-11-30T10:43:20Z, peer_down, id 7\r\n\r\n"
          "2 earlier alerts were dropped: too many waited, or for too long.\r\n\r\n-- \r\nWarren on pop-1\r\n");
}

TEST_CASE("no name leaves its string of JSON") {
    const auto read = nlohmann::json::parse(webhook_body(kHostile, batch({alert(kHostile)})));
    REQUIRE(read["alerts"].size() == 1);
    CHECK(read["alerts"][0]["name"] == harmless(kHostile));
    CHECK(read.size() == 4);
}

TEST_CASE("no name leaves its parameter or line of syslog") {
    const std::string text = syslog_message(kHostile, alert(kHostile));
    for (const char c : text) CHECK(static_cast<unsigned char>(c) >= 0x20);
    // Unescaped, there is one end of the structured data.
    std::size_t ends = 0;
    for (std::size_t i = text.find("[warren@"); i < text.find("\xef\xbb\xbf"); ++i)
        if (text[i] == ']' && text[i - 1] != '\\') ++ends;
    CHECK(ends == 1);
    CHECK(text.find(R"(name="a\"}\],\\)") != std::string::npos);
    CHECK(text.substr(0, 4) == "<28>");
}

TEST_CASE("no name leaves its header of a mail") {
    const std::string text =
        mail_text({"pop-1", "warren@example.net", {"noc@example.net"}}, batch({alert(kHostile)}), kNow);
    const std::string head = text.substr(0, text.find("\r\n\r\n"));
    CHECK(head.find("\r\nBcc:") == std::string::npos);
    std::size_t lines = 1;
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
        if (head[at + 2] != ' ') ++lines;
    }
    CHECK(lines == 9);
    for (std::size_t i = 0; i < head.size(); ++i) {
        CHECK(static_cast<unsigned char>(head[i]) < 0x80);
        if (head[i] == '\n') CHECK(head[i - 1] == '\r');
    }
    CHECK(head.find("Subject: =?UTF-8?B?") != std::string::npos);
}

TEST_CASE("a title that looks like an encoded word is not decoded, and recipients stand on lines of their own") {
    const std::vector<std::string> many(16, std::string(60, 'a') + "@example.net");
    const std::string text = mail_text({"pop-1", "w@example.net", many}, batch({alert("=?utf-8?B?Qm9v?=")}), kNow);
    CHECK(text.find("=?utf-8?B?Qm9v?=") == std::string::npos);
    CHECK(text.find("\r\nTo: " + many[0] + ",\r\n " + many[0]) != std::string::npos);
    for (std::size_t at = 0, end = 0; (end = text.find("\r\n", at)) != std::string::npos; at = end + 2)
        CHECK(end - at < 998);
}

TEST_CASE("a long subject is cut between characters") {
    std::string name;
    for (int i = 0; i < 200; ++i) name += "\xc3\xa4";
    const std::string text = mail_text({"pop-1", "w@example.net", {"n@example.net"}}, batch({alert(name)}), kNow);
    std::string subject;
    std::size_t at = 0;
    while ((at = text.find("=?UTF-8?B?", at)) != std::string::npos) {
        const auto end = text.find("?=", at);
        const std::string word = decoded(std::string_view(text).substr(at + 10, end - at - 10));
        CHECK(harmless(word) == word);
        CHECK(end + 2 - at <= 75);  // RFC 2047 §2
        subject += word;
        at = end;
    }
    CHECK(subject.size() <= 200);
    CHECK(harmless(subject) == subject);
}

TEST_CASE("what is no UTF-8 is a question mark, and controls are spaces") {
    CHECK(harmless("a\xff\xc0\x80\xed\xa0\x80\xf5z") == "a???????z");
    CHECK(harmless("\x1b[31m\t\n") == " [31m  ");
    CHECK(harmless("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
    CHECK(harmless("\xc3") == "?");
    CHECK(harmless("a\xe2\x80\xaez\xe2\x81\xa6 \xe2\x80\xa7 \xe2\x81\xaa") == "a z  \xe2\x80\xa7 \xe2\x81\xaa");
}
