#include "base/log.h"

#include <doctest/doctest.h>

#include "tests/unit/base/stderr_capture.h"

namespace warren {

namespace {

std::string logged(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    test::StderrCapture capture;
    log(level, event, fields);
    return capture.text();
}

std::string logged_value(std::string value) {
    const std::string line = logged(LogLevel::kInfo, "e", {{"k", std::move(value)}});
    constexpr std::string_view kBegin = "warren: level=info event=e k=";
    REQUIRE(line.substr(0, kBegin.size()) == kBegin);
    REQUIRE(line.back() == '\n');
    return line.substr(kBegin.size(), line.size() - kBegin.size() - 1);
}

}  // namespace

TEST_CASE("an event is one line of key=value") {
    CHECK(logged(LogLevel::kInfo, "started") == "warren: level=info event=started\n");
    CHECK(logged(LogLevel::kWarn, "customer_rejected", {{"customer", "acme"}, {"errors", "3"}}) ==
          "warren: level=warn event=customer_rejected customer=acme errors=3\n");
    CHECK(logged(LogLevel::kError, "stopped") == "warren: level=error event=stopped\n");
}

TEST_CASE("values are quoted when they need it") {
    CHECK(logged_value("plain-1.2.3.4:5/24_[::1]") == "plain-1.2.3.4:5/24_[::1]");
    CHECK(logged_value("") == "\"\"");
    CHECK(logged_value("two words") == "\"two words\"");
    CHECK(logged_value("a=b") == "\"a=b\"");
    CHECK(logged_value("say \"x\"") == "\"say \\\"x\\\"\"");
    CHECK(logged_value("back\\slash") == "\"back\\\\slash\"");
    CHECK(logged_value("Gr\xc3\xa4z") == "\"Gr\xc3\xa4z\"");
}

TEST_CASE("a value cannot make a second line, or reach the terminal") {
    CHECK(logged_value("a\nwarren: level=error event=forged") == "\"a\\nwarren: level=error event=forged\"");
    CHECK(logged_value("\x1b[31m\r\t\x7f") == "\"?[31m???\"");
    CHECK(logged_value(std::string("a\0b", 3)) == "\"a?b\"");
}

TEST_CASE("lines below the level are left out") {
    CHECK(logged(LogLevel::kDebug, "detail").empty());
    set_log_level(LogLevel::kDebug);
    CHECK(logged(LogLevel::kDebug, "detail") == "warren: level=debug event=detail\n");
    set_log_level(LogLevel::kError);
    CHECK(logged(LogLevel::kWarn, "warning").empty());
    CHECK(logged(LogLevel::kError, "trouble") == "warren: level=error event=trouble\n");
    set_log_level(LogLevel::kInfo);
}

TEST_CASE("levels have names, and nothing else is one") {
    for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
        CHECK(parse_log_level(name_of(level)) == level);
        CHECK(std::string(kLogLevelsAccepted).find(name_of(level)) != std::string::npos);
    }
    for (const char* text : {"", "trace", "DEBUG", "warning", "debug ", "0"}) CHECK_FALSE(parse_log_level(text));
    CHECK(log_level() == LogLevel::kInfo);
}

TEST_CASE("every line names the program") {
    set_log_program("vpnd");
    CHECK(logged(LogLevel::kInfo, "ready") == "vpnd: level=info event=ready\n");
    set_log_program("warren");
}

}  // namespace warren
