#!/bin/bash
# The extension's life cycle. It registers within milliseconds, because the runtime starts only
# after every extension has registered; runs the Python part as a child, whose crash cannot fail
# the function; waits for the child's word or the hold's end; and then idles until shutdown.

home=/opt/prefixwarm
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API##*:}
api=/2020-01-01/extension id='' status=''

say() { printf '{"service":"prefixwarm","by":"init","outcome":"%s","reason":"%s"}\n' "$1" "$2"; }

call() { # METHOD PATH HEADER BODY: sets status, and id when the reply names one
  status=''
  { exec 8<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
  printf '%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
    "$1" "$api/$2" "$AWS_LAMBDA_RUNTIME_API" "$3" "${#4}" "$4" >&8 2>/dev/null
  read -r _ status _ <&8
  while IFS= read -r line <&8 && line=${line%$'\r'} && [[ $line ]]; do
    [[ ${line,,} == lambda-extension-identifier:* ]] && id=${line#*: }
  done
  exec 8>&-
  [[ $status == 2* ]]
}

idle() {
  until call GET event/next "Lambda-Extension-Identifier: $id" ''; do sleep 1 || exit 0; done
  [[ $child ]] && kill "$child" 2>/dev/null
  exit 0
}

find_python() {
  for python in /var/lang/bin/python3 "$(type -P python3)"; do [[ -x $python ]] && return 0; done
  return 1
}

hold_seconds() { # the longest that the launcher itself waits; the child's own budget is shorter
  local ms=${PREFIXWARM_INIT_HOLD_MS:-3000}
  [[ $AWS_LAMBDA_INITIALIZATION_TYPE == on-demand || -z $AWS_LAMBDA_INITIALIZATION_TYPE ]] || ms=60000
  [[ $ms =~ ^[0-9]{1,5}$ ]] || ms=3000
  printf '%d.%03d' $((ms / 1000)) $((ms % 1000))
}

trap 'exit 0' TERM
name="Lambda-Extension-Name: ${0##*/}"
if ! call POST register "$name" '{"events":["SHUTDOWN"]}' && ! call POST register "$name" '{"events":[]}'; then
  # This bash cannot reach the API: Python takes the whole life cycle over, or nobody does.
  say failed "the launcher cannot register (status ${status:-none})"
  find_python && exec "$python" -I -S "$home/python/prefixwarm_extension/lifecycle.py" "${0##*/}"
  exit 0
fi

if find_python; then
  exec 6>&1
  exec 7< <(exec "$python" -I -S -OO "$home/python/prefixwarm_extension/start.py" 3>&1 1>&6 6>&-)
  child=$!
  read -r -t "$(hold_seconds)" -u 7 _
else
  say skipped 'no Python interpreter here: nothing can be warmed in this runtime'
fi
idle
