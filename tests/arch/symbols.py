#!/usr/bin/env python3
"""Reads what the objects of pure code leave undefined: it may call nothing that does I/O, tells the
time, starts a thread or logs.

Usage: symbols.py NAME=ARCHIVE...     with the static libraries of base and of every library in rooms.PURE
Prints one line per violation; exit status 1 when there is any.
"""

import re
import subprocess
import sys

import rooms

# C functions that pure code may call, or that compilers call for it. Everything else is a violation.
ALLOWED = re.compile(
    r"^(mem(cpy|move|set|cmp|chr|mem)|bcmp|explicit_bzero"
    r"|str(len|nlen|cmp|ncmp|chr|rchr|spn|cspn|str|pbrk|tol|toul|toll|toull|tod)"
    r"|v?snprintf|__v?snprintf_chk|__(mem|str)\w+_chk|qsort|bsearch|inet_(pton|ntop)|malloc|calloc|realloc|free|abort"
    r"|__assert_fail"
    r"|localeconv|is(alnum|alpha|digit|print|space|upper|xdigit)|to(lower|upper)|__ctype_\w+|__errno_location"
    r"|(ld|fr)exp[fl]?|(ceil|floor|round|trunc|fmod|log2?|pow|l?lround)[fl]?"
    r"|_Unwind_\w+|__cxa_\w+|__gxx_personality_v0|__dso_handle|__dynamic_cast|__tls_get_addr|_GLOBAL_OFFSET_TABLE_"
    r"|__libc_single_threaded"
    r"|__cpu_model|__stack_chk_(fail|guard)|__(u|)(div|mod|mul)\w*[dt]i\d|__popcount\w*"
    r"|__(asan|ubsan|tsan|lsan|sanitizer|gcov|llvm_\w+)_\w+|__start___sancov\w*|__stop___sancov\w*)$"
)
# Primitives, which only crypto/ may call. What draws randomness is not among them.
ALLOWED_IN = {
    "crypto": re.compile(
        r"^(EVP_(CIPHER|Cipher|MD|Digest)\w+|EVP_aes_(128|256)_(gcm|cbc)"
        r"|EVP_sha(1|256|512)|HMAC|SHA(1|256|384|512)_(Init|Update|Final)"
        r"|BN_(?!(priv_)?rand|pseudo|generate)\w+|EC_(GROUP|POINT)_\w+|OSSL_PARAM_construct_\w+|ERR_clear_error"
        r"|sodium_(init|mem\w+|bin2base64|base642bin)"
        r"|crypto_(aead|scalarmult|shorthash|verify)_\w+|imb_get_\w+|(alloc|free|init)_mb_mgr\w*"
        r"|OSSL_LIB_CTX_new|OSSL_PROVIDER_(add_builtin|get0_provider_ctx|load|query_operation)"  # built in, of no file
        r"|EVP_PKEY_\w+|PEM_read_bio_PrivateKey_ex|(d2i|i2d)_(PUBKEY(_ex)?|ECDSA_SIG)|ECDSA_SIG_\w+"
        r"|BIO_(free|new_mem_buf)|CRYPTO_free)$"
    ),
    # Certificates, as bytes: what OpenSSL reads from files and stores of the system is not among them.
    "auth_chain": re.compile(
        r"^(X509V?3?_(?!STORE_(load|set_default)|LOOKUP|get_default)\w+|(d2i|i2d)_\w+|PEM_read_bio_\w+"
        r"|BIO_(free|new_mem_buf|ctrl|s_mem|new|read)"
        r"|ASN1_\w+|OPENSSL_sk_\w+|GENERAL_NAMES?_\w+|EVP_(PKEY|MD|sha)\w+|ERR_\w+|OBJ_\w+"
        r"|CRYPTO_free|OPENSSL_(gmtime|timegm)|AUTHORITY_KEYID_\w+|EXTENDED_KEY_USAGE_free)$"
    ),
}
# Parts of the C++ libraries that are I/O, clock, thread or environment, as they appear in mangled names.
FORBIDDEN_MANGLED = re.compile(
    r"(fstreamI|filebufI|ios_base4Init|^_ZSt4(cout|cerr|clog)$|^_ZSt3cin$|St6chrono3_V2\d+\w+_clock3now|St6thread"
    r"|this_thread"
    r"|St13random_device"
    r"|condition_variable|St5mutex|shared_mutex|__future_base|10filesystem|3fmt\w*?\d(v?print)|get_id)"
)


def symbols_of(archive, nm):
    """Object -> (defined names, undefined names) of a static library."""
    text = subprocess.run([nm, "-P", archive], check=True, capture_output=True, text=True).stdout
    objects = {}
    current = None
    for line in text.splitlines():
        heading = re.match(r"^.*\[(.+)\]:$", line)
        if heading:
            name = re.sub(r"(\.(cc|cpp|c))?\.o$", "", heading.group(1))
            current = objects.setdefault(name, (set(), set()))
            continue
        fields = line.split()
        if len(fields) >= 2 and current is not None:
            undefined = fields[1] in ("U", "w", "v")
            current[1 if undefined else 0].add(fields[0])
    return objects


def violations(archives, nm="nm"):
    """`archives`: library -> path."""
    libraries = {library: symbols_of(path, nm) for library, path in archives.items()}
    yield from missing_objects(libraries)
    defined_by = {}
    for library, objects in libraries.items():
        for source, (defined, _) in objects.items():
            for name in defined:
                defined_by.setdefault(name, set()).add((library, source))
    # What pure code uses of its own house must be pure as well: it joins the queue.
    for library in rooms.NO_VIRTUAL_CLASSES:
        for source, (defined, undefined) in libraries.get(library, {}).items():
            yield from (f"{library}/{source}: has the virtual functions {name}"
                        for name in sorted(defined | undefined) if name.startswith("_ZTV"))
    queue = [(library, source) for library in libraries
             for source in libraries[library] if rooms.must_be_pure(library, source)]
    users = {}
    while queue:
        library, source = queue.pop(0)
        user = users.get((library, source))
        title = f"{library}/{source}" + (f" (used by {user})" if user else "")
        for name in sorted(libraries[library][source][1]):
            definitions = defined_by.get(name, set())
            reason = why_not_ours(name, definitions) if definitions else why_not(library, name)
            if reason:
                yield f"{title}: {reason}"
                continue
            for used in sorted(definitions):
                if not rooms.must_be_pure(*used) and used not in users and used != rooms.LAST_WORDS:
                    users[used] = f"{library}/{source}"
                    queue.append(used)


def why_not_ours(name, definitions):
    """Why pure code may not use a symbol of ours; None when one of its definitions may be used: inline code has
    many."""
    if not all(rooms.is_impure(*definition) for definition in definitions):
        return None
    where = ", ".join("/".join(definition) for definition in sorted(definitions))
    return f"uses {name} of {where}, which is not pure"


def why_not(library, name):
    """Why pure code of `library` may not use a symbol from outside; None when it may."""
    if not name.startswith("_Z"):
        if ALLOWED.match(name) or (library in ALLOWED_IN and ALLOWED_IN[library].match(name)):
            return None
        return f"calls {name}, which is not on the list of what pure code may call"
    if re.match(r"^_Z(T[VIS]|GV)?N?K?6warren|^_ZNK?6warren", name):
        return f"uses {name}, which no pure library defines"
    if FORBIDDEN_MANGLED.search(name):
        return f"uses {name}"
    return None


def missing_objects(libraries):
    """The table must stay true: what it names has to exist."""
    for library, sources in rooms.PURE_LIBRARIES.items():
        for source in sources:
            if source not in libraries.get(library, {}):
                yield f"{library}: no object {source}; mend rooms.py"
    for source in rooms.IMPURE_BASE:
        if source not in libraries.get("base", {}):
            yield f"base: no object {source}; mend rooms.py"


def main(arguments):
    archives = dict(argument.split("=", 1) for argument in arguments[1:])
    found = list(violations(archives))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
