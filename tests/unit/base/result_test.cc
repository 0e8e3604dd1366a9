#include "base/result.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>

namespace warren {

namespace {

Status fails() {
    return fail(ErrorCode::kConflict, "port 51820", EADDRINUSE);
}

Status count_and(int& calls, bool good) {
    ++calls;
    if (!good) return fails();
    return {};
}

Status tries(int& calls, bool good) {
    WARREN_TRY(count_and(calls, good));
    calls += 100;
    return {};
}

Result<std::unique_ptr<int>> tries_a_result_of_another_type() {
    WARREN_TRY(Result<int>(fail(ErrorCode::kNotFound, "device lan0")));
    return std::make_unique<int>(1);
}

}  // namespace

TEST_CASE("fail keeps code, text and errno") {
    const Status status = fails();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::kConflict);
    CHECK(status.error().what == "port 51820");
    CHECK(status.error().system_error == EADDRINUSE);
}

TEST_CASE("an error of the system says its text, and its kind follows from it") {
    const Status missing = fail_errno("open /dev/net/tun", ENOENT);
    CHECK(missing.error().what == "open /dev/net/tun: No such file or directory");
    CHECK(missing.error().system_error == ENOENT);
    CHECK(missing.error().code == ErrorCode::kNotFound);
    const auto code_of = [](int system_error) { return Status(fail_errno("call", system_error)).error().code; };
    CHECK(code_of(EINVAL) == ErrorCode::kInvalid);
    CHECK(code_of(ENODEV) == ErrorCode::kNotFound);
    CHECK(code_of(EEXIST) == ErrorCode::kConflict);
    CHECK(code_of(EBUSY) == ErrorCode::kConflict);
    CHECK(code_of(EPERM) == ErrorCode::kPermission);
    CHECK(code_of(EACCES) == ErrorCode::kPermission);
    CHECK(code_of(EOPNOTSUPP) == ErrorCode::kUnsupported);
    CHECK(code_of(EMFILE) == ErrorCode::kUnavailable);
    CHECK(code_of(ECONNREFUSED) == ErrorCode::kUnavailable);
    CHECK(code_of(EIO) == ErrorCode::kFailed);
}

TEST_CASE("context goes in front, once per layer, and keeps code and errno") {
    const Status inner = fail_errno("open", EACCES);
    const Status outer = with_context("customer acme", Status(with_context("secret psk", inner.error())).error());
    CHECK(outer.error().what == "customer acme: secret psk: open: Permission denied");
    CHECK(outer.error().code == ErrorCode::kPermission);
    CHECK(outer.error().system_error == EACCES);
}

TEST_CASE("WARREN_TRY evaluates once, and returns only with an error") {
    int calls = 0;
    CHECK(tries(calls, true));
    CHECK(calls == 101);
    calls = 0;
    const Status status = tries(calls, false);
    REQUIRE_FALSE(status);
    CHECK(calls == 1);
    CHECK(status.error().what == "port 51820");
}

TEST_CASE("WARREN_TRY carries an error from one type of result to another") {
    const auto result = tries_a_result_of_another_type();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::kNotFound);
    CHECK(result.error().what == "device lan0");
}

}  // namespace warren
