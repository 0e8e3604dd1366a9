// The owner of a key of OpenSSL, for headers that do not name OpenSSL.
#pragma once

#include <memory>

struct evp_pkey_st;

namespace warren::crypto {

struct FreeOpensslKey {
    void operator()(evp_pkey_st* key) const;
};
using OpensslKey = std::unique_ptr<evp_pkey_st, FreeOpensslKey>;

}  // namespace warren::crypto
