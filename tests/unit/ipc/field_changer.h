// Changes one field of a message after the other, whatever fields it has: a test that walks them all covers a field
// that is added later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"
#include "ipc/fields.h"

namespace warren::test {

// Walks the list of fields as the codec does (ipc/codec.h) and changes the one with the number `target`. A field is a
// value that is not made of others; whether there is an optional and how many a vector has are fields of their own.
class FieldChanger {
  public:
    explicit FieldChanger(std::size_t target) : target_(target) {}

    template <typename... Fields>
    void operator()(Fields&... fields) {
        (visit(fields), ...);
    }
    [[nodiscard]] std::size_t count() const { return next_; }

  private:
    [[nodiscard]] bool is_it() { return next_++ == target_; }
    // An enumeration with one value has no other.
    template <typename T>
    static constexpr bool can_change() {
        if constexpr (std::is_enum_v<T>) return static_cast<std::size_t>(ipc::LastOf<T>::value) > 0;
        return true;
    }

    template <typename T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
    void visit(T& value) {
        if (!can_change<T>() || !is_it()) return;
        if constexpr (std::is_same_v<T, bool>) {
            value = !value;
        } else if constexpr (std::is_enum_v<T>) {
            const auto last = static_cast<std::size_t>(ipc::LastOf<T>::value);
            value = static_cast<T>((static_cast<std::size_t>(value) + 1) % (last + 1));
        } else {
            ++value;
        }
    }
    void visit(std::string& text) {
        if (is_it()) text += 'x';
    }
    void visit(IpAddress& address) {
        if (is_it()) address.octets[1] ^= 1;
    }
    void visit(Prefix& prefix) {
        visit(prefix.address);
        if (is_it()) --prefix.length;
    }
    void visit(Endpoint& endpoint) { (*this)(endpoint.address, endpoint.port, endpoint.scope_id); }
    void visit(WallTime& at) { visit(at.nanoseconds); }
    void visit(crypto::PublicKey& key) {
        if (is_it()) key.bytes[0] ^= 1;
    }
    void visit(crypto::PrivateKey& key) { visit(key.secret); }
    void visit(crypto::PresharedKey& key) { visit(key.secret); }
    void visit(crypto::Secret<32>& secret) {
        if (is_it()) secret.writable()[0] ^= 1;
    }
    void visit(crypto::SecretBuffer& secret) {
        if (is_it()) secret = crypto::SecretBuffer(secret.size() + 1);
    }
    template <typename A, typename B>
    void visit(std::pair<A, B>& pair) {
        (*this)(pair.first, pair.second);
    }
    template <typename T>
    requires requires(FieldChanger& codec, T& part) { fields(codec, part); }
    void visit(T& part) { fields(*this, part); }
    template <typename T>
    void visit(std::optional<T>& field) {
        const bool changes = is_it();
        if (field) visit(*field);
        if (!changes) return;
        field ? field.reset() : void(field.emplace());
    }
    template <typename T>
    void visit(std::vector<T>& list) {
        const bool changes = is_it();
        for (T& element : list) visit(element);
        if (changes) list.emplace_back();
    }
    template <typename... Alternatives>
    void visit(std::variant<Alternatives...>& field) {
        std::visit([this](auto& alternative) { visit(alternative); }, field);
    }

    std::size_t target_;
    std::size_t next_ = 0;
};

template <typename T>
[[nodiscard]] std::size_t count_fields(T value) {
    FieldChanger counter(SIZE_MAX);
    counter(value);
    return counter.count();
}

template <typename T>
void change_field(T& value, std::size_t number) {
    FieldChanger changer(number);
    changer(value);
}

// How many members an aggregate has: as many initialisers as it takes.
struct AnyMember {
    template <typename T>
    operator T() const;  // NOLINT(google-explicit-constructor): it stands for a member of any type
};
template <typename T, typename... Members>
consteval std::size_t count_members() {
    if constexpr (requires { T{Members{}..., AnyMember{}}; }) {
        return count_members<T, Members..., AnyMember>();
    } else {
        return sizeof...(Members);
    }
}

// How many members the list of fields of T has.
struct ListLength {
    std::size_t length = 0;
    template <typename... Fields>
    constexpr void operator()(const Fields&... /*fields*/) {
        length += sizeof...(Fields);
    }
};
template <typename T>
[[nodiscard]] std::size_t count_listed() {
    const T value{};
    ListLength list;
    fields(list, value);
    return list.length;
}

}  // namespace warren::test
