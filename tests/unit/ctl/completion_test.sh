#!/bin/bash
# Loads vpnctl's completions in bash, zsh and fish and asks them. Usage: completion_test.sh VPNCTL
set -u

vpnctl="$1"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failures=0

# expect WHAT GOT WORD...: every WORD is among the lines of GOT.
expect() {
    local what="$1" got="$2" word
    shift 2
    for word in "$@"; do
        grep -qxF -- "$word" <<<"$got" && continue
        echo "FAILED: $what: no '$word' in: ${got//$'\n'/ }"
        failures=$((failures + 1))
    done
}
# refuse WHAT GOT WORD: WORD is not among them.
refuse() {
    grep -qxF -- "$3" <<<"$2" || return 0
    echo "FAILED: $1: unexpected '$3'"
    failures=$((failures + 1))
}

for shell in bash zsh fish; do
    "$vpnctl" completion "$shell" >"$scratch/vpnctl.$shell" || { echo "FAILED: vpnctl completion $shell"; exit 1; }
done

# What vpnd would say of a customer's connections.
mkdir "$scratch/bin"
cat >"$scratch/bin/vpnctl" <<'SH'
#!/bin/sh
[ "$*" = "ipsec acme" ] && printf 'connection  acme/%s\nstate       up\nreceived    1\n\n\n' graz linz
SH
chmod +x "$scratch/bin/vpnctl"
PATH="$scratch/bin:$PATH"

bash_words() {  # the command line, then what completes its last word
    bash --norc -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vpnctl
        printf "%s\n" "${COMPREPLY[@]}"' bash "$scratch/vpnctl.bash" "$@" 2>&1
}
expect "bash: commands" "$(bash_words vpnctl '')" status peers exec completion help
expect "bash: s" "$(bash_words vpnctl s)" status
refuse "bash: s" "$(bash_words vpnctl s)" peers
expect "bash: options" "$(bash_words vpnctl --)" --json --run-dir --config --network-dir
expect "bash: options of a command" "$(bash_words vpnctl usage --)" --csv --json --config
refuse "bash: options of a command" "$(bash_words vpnctl usage --)" --psk
expect "bash: options of a verb" "$(bash_words vpnctl --config /etc peer add acme x --)" --psk --comment
refuse "bash: options of a verb" "$(bash_words vpnctl peer rotate acme x --)" --psk
refuse "bash: options of a verb that has none of its own" "$(bash_words vpnctl fleet drain --)" --at
expect "bash: options before the verb" "$(bash_words vpnctl peer --)" --psk --commit
expect "bash: the value of --for" "$(bash_words vpnctl profile acme x --for win)" windows
expect "bash: the value of --network-dir" "$(bash_words vpnctl --network-dir /us)" /usr
expect "bash: keys" "$(bash_words vpnctl explain stack.m)" stack.mtu
expect "bash: keys behind an option" "$(bash_words vpnctl --run-dir /tmp explain stack.m)" stack.mtu
expect "bash: shells" "$(bash_words vpnctl completion '')" bash zsh fish
expect "bash: verbs" "$(bash_words vpnctl update '')" install status rollback mark-good
expect "bash: connections" "$(bash_words vpnctl ipsec acme '')" graz linz
expect "bash: connections behind an option" "$(bash_words vpnctl --json ipsec acme g)" graz
refuse "bash: connections" "$(bash_words vpnctl ipsec acme '')" rekey
refuse "bash: connections of nobody" "$(bash_words vpnctl ipsec globex '')" graz
expect "bash: orders" "$(bash_words vpnctl ipsec acme graz '')" initiate rekey terminate
expect "bash: verbs of stack" "$(bash_words vpnctl stack '')" list show exec move-device
expect "bash: programs in a stack" "$(bash_words vpnctl stack exec acme -- bas)" bash
expect "bash: programs" "$(bash_words vpnctl exec acme -- bas)" bash
expect "bash: files" "$(bash_words vpnctl support-bundle /etc/pass)" /etc/passwd
expect "bash: directories" "$(bash_words vpnctl check /us)" /usr

if command -v fish >/dev/null; then
    fish_words() {
        # shellcheck disable=SC2016  # fish expands them
        HOME="$scratch" fish --no-config -c \
            'source $argv[1]; complete -C "$argv[2]" | string replace -r "\t.*" ""' "$scratch/vpnctl.fish" "$1" 2>&1
    }
    expect "fish: commands" "$(fish_words 'vpnctl ')" status peers exec completion help
    expect "fish: options" "$(fish_words 'vpnctl --')" --json --run-dir --config
    expect "fish: options of a command" "$(fish_words 'vpnctl usage --')" --csv --json --config
    refuse "fish: options of a command" "$(fish_words 'vpnctl usage --')" --psk
    expect "fish: options of a verb" "$(fish_words 'vpnctl peer add acme x --')" --psk --comment
    refuse "fish: options of a verb" "$(fish_words 'vpnctl peer rotate acme x --')" --psk
    expect "fish: options before the verb" "$(fish_words 'vpnctl peer --')" --psk --commit
    expect "fish: keys" "$(fish_words 'vpnctl explain stack.m')" stack.mtu
    expect "fish: shells" "$(fish_words 'vpnctl completion ')" bash zsh fish
    expect "fish: connections" "$(fish_words 'vpnctl ipsec acme ')" graz linz
    refuse "fish: connections" "$(fish_words 'vpnctl ipsec acme ')" rekey
    expect "fish: verbs of stack" "$(fish_words 'vpnctl stack ')" list show exec move-device
    expect "fish: orders" "$(fish_words 'vpnctl ipsec acme graz ')" initiate rekey terminate
    refuse "fish: no command twice" "$(fish_words 'vpnctl status ')" peers
else
    echo "skipped: fish is not installed"
fi

if command -v zsh >/dev/null; then
    # zsh completes only at a prompt: a pseudo-terminal of zsh types Tab and lists the completions.
    cat >"$scratch/ask.zsh" <<'ZSH'
zmodload zsh/zpty
zpty -b asked zsh -f -i
zpty -w asked "PS1= PS2= RPS1=; autoload -Uz compinit; compinit -D -d $1/dump; source $2"
zpty -w asked "unsetopt zle_bracketed_paste; LISTMAX=0; zstyle ':completion:*' list-prompt ''"
zpty -w asked "compprefuncs=(); comppostfuncs=(tell); tell() { print -r -- \"END\" }"
zpty -w asked "compadd() { local -a found; builtin compadd -O found \"\$@\"; print -rl -- \$'\\n'\$found
builtin compadd \"\$@\" }"
zpty -w asked "print REA''DY"  # its echo must not look like its output
local line
while zpty -r -m asked line '*READY*'; do break; done
zpty -n -w asked "$3"$'\t'
local -F until=$((SECONDS + 15))
typeset all
while (( SECONDS < until )); do
    zpty -r -t asked line && all+=$line || sleep 0.05
    [[ $all == *END* ]] && break
done
print -r -- "$all"
zpty -d asked
ZSH
    zsh_words() {
        HOME="$scratch" timeout 30 zsh -f "$scratch/ask.zsh" "$scratch" "$scratch/vpnctl.zsh" "$1" 2>&1 | tr -d '\r'
    }
    expect "zsh: commands" "$(zsh_words 'vpnctl ')" status peers exec completion help
    expect "zsh: options of a command" "$(zsh_words 'vpnctl usage --c')" --csv --config
    refuse "zsh: options of a command" "$(zsh_words 'vpnctl usage --')" --psk
    expect "zsh: options of a verb" "$(zsh_words 'vpnctl peer add acme x --')" --psk --comment
    refuse "zsh: options of a verb" "$(zsh_words 'vpnctl peer rotate acme x --')" --psk
    expect "zsh: keys" "$(zsh_words 'vpnctl explain stack.m')" stack.mtu
    expect "zsh: shells" "$(zsh_words 'vpnctl completion ')" bash zsh fish
    expect "zsh: connections" "$(zsh_words 'vpnctl ipsec acme ')" graz linz
    expect "zsh: verbs of stack" "$(zsh_words 'vpnctl stack ')" list show exec move-device
    expect "zsh: orders" "$(zsh_words 'vpnctl ipsec acme graz ')" initiate rekey terminate
else
    echo "skipped: zsh is not installed"
fi

((failures == 0)) && echo "all completions work"
exit "$((failures != 0))"
