#!/bin/bash -p
# The extension's life cycle. It registers within milliseconds, because the runtime starts only
# after every extension has registered; runs the Python part as a child, whose crash cannot fail
# the function; waits for the child's ready signal or the end of the hold; and then idles until shutdown.

# Fallback: the lines up to `end_child` must work. Whatever fails later, the script ends in `idle`.
trap idle EXIT
unset TMOUT # or every `read` below would have its timeout
unset POSIXLY_CORRECT BASH_COMPAT # or a refused connection would end the script
id='' child='' signal='' bound='' # a function's environment may hold anything
call() { # METHOD PATH HEADER BODY: sets status, and id when the reply names one
  { exec 8<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"; } 2>/dev/null || return 1
  printf '%s /2020-01-01/extension/%s HTTP/1.1\r\nHost: lambda\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
    "$1" "$2" "$3" "${#4}" "$4" >&8
  read -r ${bound:+-t "$bound"} _ status _ <&8
  while read -r ${bound:+-t "$bound"} name value <&8 && [[ $name == *: ]]; do
    [[ $name == [Ll]ambda-[Ee]xtension-[Ii]dentifier: ]] && id=${value%$'\r'}
  done
  exec 8>&-
  [[ $status == 2* ]]
}
register() {
  local bound=5
  call POST register "Lambda-Extension-Name: ${0##*/}" "{\"events\":[$1]}"
}
idle() {
  [[ $id ]] || register
  until call GET event/next "Lambda-Extension-Identifier: $id"; do sleep 1; done
  trap - EXIT
  end_child
  send_observed
  exit 0
}

send_observed() { # sends the reports that the function's ended processes have left
  local left=(/tmp/.prefixwarm-observed/*.json)
  [[ -e ${left[0]} ]] && find_python && "$python" -I -S -OO "$home/bootstrap.py" observed
}

end_child() { # leaves it a moment for its last line
  [[ $child ]] || return
  kill "$child" 2>/dev/null
  read -r -d '' -t 1 -u 7 rest
  kill -9 "$child" 2>/dev/null
  [[ $signal$rest ]] || log failed 'the environment ended before the warm process signalled: it had not begun, or hangs in a system call'
}

register_soon() { # tries up to five times
  local try
  for try in 1 2 3 4 5; do
    [[ $id ]] && return
    register '"SHUTDOWN"' || register || sleep 0.05
  done
}

log() { printf '{"service":"prefixwarm","by":"init","outcome":"%s","reason":"%s"}\n' "$1" "$2"; }

find_python() {
  python=/var/lang/bin/python3
  [[ -x $python ]] || python=$(type -P python3)
  [[ $python ]]
}

first_start() { # a repeated init phase must not be held again: it may count as part of the invocation
  [[ -e /tmp/.prefixwarm-started ]] && return 1
  { : >/tmp/.prefixwarm-started; } 2>/dev/null
  return 0
}

hold() { # sets ms: the most milliseconds that the launcher waits
  ms=${PREFIXWARM_INIT_HOLD_MS:-3000} ms=${ms//[[:space:]]/}
  [[ $ms =~ ^[0-9]{1,4}$ ]] || ms=3000
  # With a gate, wait only as long as it takes to get the lease.
  [[ $ms =~ [1-9] || ! $python || ! ${PREFIXWARM_GATE_MS:-} =~ [1-9] ]] || ms=500
  # Only emulators set the timeout, and there the init phase counts towards it.
  local limit=${AWS_LAMBDA_FUNCTION_TIMEOUT:-}
  [[ $limit =~ ^[0-9]{1,4}$ ]] || limit=18
  ((limit = 10#$limit * 500, ms = 10#$ms < limit ? 10#$ms : limit))
}

start_child() { # starts the Python part, or without Python the script that asks the keep-warm function
  if [[ $python ]]; then
    exec 6>&1 7< <(exec "$python" -I -S -OO "$home/bootstrap.py" "$ms" 3>&1 1>&6 6>&-)
  else
    exec 6>&1 7< <(exec "$BASH" -p "$home/ask.sh" "$ms" "${AWS_LAMBDA_INITIALIZATION_TYPE:-on-demand}" 3>&1 1>&6 6>&-)
  fi
  child=$!
}

uptime() { # sets now, in hundredths of a second
  read -r now _ </proc/uptime && now=$((10#${now/./})) # 10#: 098 is not octal
} 2>/dev/null

has_ended() { # waits briefly, within the hold: a wrapper around Python may close the pipe and live on
  local try
  for try in {1..20}; do
    kill -0 "$child" 2>/dev/null || return 0
    uptime
    ((now < end)) || return 1
    sleep 0.05
  done
  return 1
}

await_signal() {
  local seconds now=0 end
  uptime
  ((end = now + ms / 10))
  printf -v seconds '%d.%03d' $((ms / 1000)) $((ms % 1000))
  read -r -t "$seconds" -u 7 signal
  [[ $? -gt 128 || $signal ]] && return
  has_ended || { signal=none; log failed 'the warm process closed its pipe without a signal, and lives on'; return; }
  wait "$child"
  signal=$?
  log failed "the warm process ended without a signal (status $signal)"
}

main() {
  home=/opt/prefixwarm
  register_soon
  if [[ ! $id ]]; then
    # This bash cannot reach the API: Python, if there is one, takes over the whole life cycle.
    log failed "the launcher cannot register (status ${status:-none})"
    find_python && "$python" -I -S "$home/fallback.py" "${0##*/}"
    trap - EXIT
    exit 0
  fi
  find_python || [[ ${PREFIXWARM_ASK:-} ]] || {
    log skipped 'no Python interpreter here, and PREFIXWARM_ASK names no keep-warm function to ask: nothing can be warmed'
    return
  }
  case ${AWS_LAMBDA_INITIALIZATION_TYPE:-on-demand} in
    provisioned-concurrency | lambda-managed-instances) ms=60000 ;;
    *)
      first_start || { log skipped 'init runs again: its first run has warmed'; return; }
      hold
      ((ms)) || { log skipped 'first request will write: the hold is 0'; return; } ;;
  esac
  start_child
  await_signal
}

main
