# Sourced by scripts/demo and scripts/test: the project's virtual environment, ready to use.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

fail() { printf '%s\n' "$1" >&2; exit 1; }

find_python() { # the first Python of 3.10 or newer
  local candidate
  for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.10; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
    printf '%s' "$candidate"
    return 0
  done
  return 1
}

install_into_venv() { # WHAT...: arguments of pip, run again only when they or the project change
  local python stamp
  python=$(find_python) || fail 'Python 3.10 or newer is missing: install it, or name it with PYTHON=...'
  if [[ ! -x $venv/bin/python ]]; then
    "$python" -m venv "$venv" >/dev/null 2>&1 ||
      fail "the venv module of $python is missing: install it (Debian, Ubuntu: apt-get install python3-venv)"
  fi
  stamp=$venv/.installed-$(printf '%s' "$*" "$(cat "$root/pyproject.toml")" | cksum | tr -d ' ')
  [[ -e $stamp ]] && return 0
  printf 'installing into .venv (some minutes the first time) ...\n' >&2
  "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1' >&2 || fail 'pip cannot be upgraded: is the package index reachable?'
  (cd "$root" && "$venv/bin/python" -m pip install --quiet "$@" >&2) || fail 'the installation failed; see above'
  touch "$stamp"
}
