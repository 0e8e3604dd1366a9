// users.toml as an operator may leave it: accepted or refused. An accepted file can be changed and read again.
#include <string>

#include "access/users_text.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace warren::access;
    const std::string text(data, data + size);
    const auto users = parse_users(text);
    if (!users) {
        WARREN_CHECK(!users.error().what.empty());
        return 0;
    }
    const auto added = with_user(text, {"a-new-one", {Role::kCustomer, {"acme"}}, "$argon2id$x"});
    if (added) WARREN_CHECK(parse_users(*added)->users.size() == users->users.size() + 1);
    for (const User& user : users->users) {
        const auto fewer = without_user(text, user.name);
        if (fewer) WARREN_CHECK(parse_users(*fewer)->find_user(user.name) == nullptr);
    }
    return 0;
}
