# Sourced by scripts/demo and scripts/test: the checks of the machine, and the project's own
# virtual environment.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

check_machine() { # what AWS's runtime emulator needs
    [ "$(uname -s)" = Linux ] || fail "AWS's runtime emulator runs on Linux only"
    command -v unshare >/dev/null || fail "unshare is missing: install the package util-linux"
    local user=()
    [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
    unshare "${user[@]}" --mount --pid --fork true 2>/dev/null ||
        fail "this machine forbids namespaces: run as root, or allow user namespaces"
}

find_python() {
    local name
    for name in "${PYTHON:-python3}" python3 python3.13 python3.14 python3.12 python3.11 python3.10; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "Python 3.10 or newer is missing: install it, or name it with PYTHON=..."
}

install_pinned() { # NAME of a file in requirements/; "alone" leaves the project out
    local file=$root/requirements/$1.txt python stamp
    if [ ! -x "$venv/bin/python" ]; then
        python=$(find_python)
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python has no venv module: install the package python3-venv"
        "$python" -m venv "$venv"
    fi
    # Run again only when the pins or the project's own facts change.
    stamp=$venv/installed-$(cat - "$root/pyproject.toml" "$file" <<<"$*" | cksum | tr ' ' -)
    [ -e "$stamp" ] && return
    echo "installing into .venv, once" >&2
    local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
    # The file names all of it. Older versions of pip stumble over extras of what has digests.
    "${pip[@]}" --no-deps --require-hashes --requirement "$file" >&2 &&
        { [ "${2-}" = alone ] || "${pip[@]}" --no-deps --no-build-isolation --editable "$root" >&2; } ||
        fail "the installation failed, see above: is the package index reachable?"
    touch "$stamp"
}
