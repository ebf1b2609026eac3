#!/bin/bash -p
# The init phase without Python: reads the warm states and asks the keep-warm function to warm cold
# prefixes. Started by the launcher as `ask.sh HOLD_MS KIND`, with a pipe as descriptor 3. Sends
# requests with curl or the available Node.js. For bash 4.2 and newer.

LC_ALL=C # or character classes and order would depend on the function's locale
TAB=$'\t' NEEDED_SECONDS=30 STATE_MS=1000 MOST_PREFIXES=20 MOST_BYTES=400000
STATE_ATTRIBUTES='pk, warm_until, write_ms, read_ms, matched_at, used_by, backoff_until, backoff_of, failures, #f'
TEXTS='ASK TABLE CACHE_SCOPE DEPLOYMENT PREFIXES FIRST INIT INIT_HOLD_MS INIT_HINT_MS LATENCY_VALUE INIT_USD_PER_WEEK' # settings
DOLLARS='^(0|[1-9][0-9]{0,5})(\.([0-9]{1,18}))?([eE]-([0-9]{1,2}))?$'
lines=() names=() keys=() read_usd=() cold=() now_ms=0
declare -A decisions # by prefix
home=${BASH_SOURCE%/*}
unset NODE_OPTIONS NODE_PID # meant for the function's own Node.js
unset POSIXLY_CORRECT BASH_COMPAT # or the shell would parse some lines below differently

uptime() { # sets now_ms: milliseconds since the machine's start, unaffected by clock changes
  local up
  read -r up _ </proc/uptime
  # 10#: 098 is not octal
  [[ $up =~ ^[0-9]{1,10}\.[0-9][0-9]$ ]] && now_ms=$((10#${up/./} * 10))
} 2>/dev/null

held() { # sets held_ms: milliseconds since the start
  uptime
  held_ms=$((now_ms - began_ms))
}

note() { # OUTCOME REASON [PREFIX [DECISION]]: adds a log line; texts are already JSON-escaped
  local service=prefixwarm trouble='' metrics='' second
  [[ ${PREFIXWARM_DEPLOYMENT:-} =~ ^[A-Za-z0-9_.:/-]{1,128}$ ]] && service=$PREFIXWARM_DEPLOYMENT
  if [[ $1 == failed && ! ${3:-} ]]; then # the keep-warm function has counted what it answers
    printf -v second '%(%s)T' -1
    trouble="\"_aws\":{\"Timestamp\":${second}000,\"CloudWatchMetrics\":[{\"Namespace\":\"prefixwarm\",\"Dimensions\":[[\"service\"]],\"Metrics\":[{\"Name\":\"WarmFailed\",\"Unit\":\"Count\"},{\"Name\":\"WarmTrouble\",\"Unit\":\"Count\"}]}]},"
    metrics=',"WarmFailed":1,"WarmTrouble":1'
  fi
  held
  lines+=("{$trouble\"service\":\"$service\",\"prefix\":\"${3:-}\",\"by\":\"init\",\"outcome\":\"$1\",\"reason\":\"$2\"${4:+,\"decision\":\"$4\"},\"held_ms\":$held_ms,\"function\":\"$function\",\"initialization\":\"$kind\"$metrics}")
}

finish() { # lets the function continue, then logs what was done
  trap '' TERM
  { printf 'next\n' >&3; } 2>/dev/null
  ((${#lines[@]} == 0)) || printf '%s\n' "${lines[@]}"
  exit 0
}

stop() { # OUTCOME REASON: ends with this as the only log line
  note "$@"
  finish
}

# --- settings ---

is_true() {
  [[ $1 =~ ^(1|y|yes|t|true|on)$ ]]
}

trim_settings() { # trims blanks; refuses keys in place of names, without logging them
  local name text
  for name in $TEXTS; do
    name=PREFIXWARM_$name text=''
    [[ ${!name:-} =~ [^[:space:]](.*[^[:space:]])? ]] && text=${BASH_REMATCH[0]}
    printf -v "$name" %s "$text"
    [[ $text =~ ^(sk-|ABSK|bedrock-api-key-|AKIA|ASIA|eyJ).{5} ]] || continue
    PREFIXWARM_DEPLOYMENT=''
    stop failed "$name: is a key, not the name of a secret that holds it; revoke the key if this setting was deployed"
  done
}

refuse_by_settings() {
  local disabled=${PREFIXWARM_DISABLED:-} table=${PREFIXWARM_TABLE:-}
  disabled=${disabled//[[:space:]]/} mode=${PREFIXWARM_INIT:-auto}
  disabled=${disabled,,} mode=${mode,,}
  is_true "$disabled" && stop skipped 'disabled by PREFIXWARM_DISABLED'
  [[ $disabled =~ ^(|0|n|no|f|false|off)$ ]] || stop failed 'PREFIXWARM_DISABLED: write one of 1, y, yes, t, true, on, 0, n, no, f, false, off'
  case ${mode:-auto} in
    off) stop skipped 'off by PREFIXWARM_INIT' ;;
    auto | always) ;;
    *) stop failed 'PREFIXWARM_INIT: write one of auto, always, off' ;;
  esac
  refuse_number INIT_HOLD_MS 9000
  refuse_number INIT_HINT_MS 900000
  [[ ${PREFIXWARM_LATENCY_VALUE:-0} =~ $DOLLARS ]] || stop failed 'PREFIXWARM_LATENCY_VALUE: write US dollars, 0 or more'
  [[ ${PREFIXWARM_INIT_USD_PER_WEEK:-1} =~ $DOLLARS ]] || stop failed 'PREFIXWARM_INIT_USD_PER_WEEK: write US dollars, 0 or more'
  [[ $kind == snap-start ]] && stop skipped 'snap-start: init runs when publishing, long before the first request'
  [[ ${PREFIXWARM_ASK:-} =~ ^[A-Za-z0-9_-]{1,64}$ ]] || stop failed 'PREFIXWARM_ASK: write the name of the keep-warm function'
  [[ $table =~ ^[A-Za-z0-9_.:/-]{3,1024}$ || $mode == always ]] || stop failed 'PREFIXWARM_TABLE: write the name of the table of the warm state'
  [[ $PREFIXWARM_FIRST =~ ^[A-Za-z0-9_.-]{0,128}$ ]] || stop failed 'PREFIXWARM_FIRST: write the name of a prefix'
  scope=${PREFIXWARM_CACHE_SCOPE:-default}
  [[ $scope =~ ^[A-Za-z0-9_.-]{1,64}$ ]] || stop failed "PREFIXWARM_CACHE_SCOPE: write at most 64 letters, digits, '-', '_' or '.'"
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  [[ $region =~ ^[a-z0-9-]{1,32}$ ]] || stop failed 'AWS_REGION is not set; set it to the region of the warm state'
  [[ ${AWS_ACCESS_KEY_ID:-} && ${AWS_SECRET_ACCESS_KEY:-} ]] || stop failed 'no AWS credentials in the environment'
}

refuse_number() { # NAME MOST
  local name=PREFIXWARM_$1
  [[ ${!name:-0} =~ ^[0-9]{1,9}$ ]] && ((10#${!name:-0} <= $2)) || stop failed "$name: write a whole number from 0 to $2"
}

endpoint() { # SERVICE: sets url, with the overrides that AWS SDKs honour
  local own="AWS_ENDPOINT_URL_${1^^}" suffix=amazonaws.com fips='' ignored=${AWS_IGNORE_CONFIGURED_ENDPOINT_URLS:-} use=${AWS_USE_FIPS_ENDPOINT:-}
  url=''
  is_true "${ignored,,}" || url=${!own:-${AWS_ENDPOINT_URL:-}}
  url=${url%"${url##*[!/]}"}
  [[ $url ]] && return
  is_true "${use,,}" && fips=-fips
  case $region in
    cn-*) suffix=amazonaws.com.cn ;;
    eusc-*) suffix=amazonaws.eu ;;
    us-iso-*) suffix=c2s.ic.gov ;;
    us-isob-*) suffix=sc2s.sgov.gov ;;
    us-isof-*) suffix=csp.hci.ic.gov ;;
    eu-isoe-*) suffix=cloud.adc-e.uk ;;
  esac
  url=https://$1$fips.$region.$suffix
}

# --- requests ---

quoted() { # TEXT: sets REPLY to it as curl's configuration quotes it, in every version of bash
  local rest=$1 plain
  REPLY='"'
  while plain=${rest%%[\\\"]*}; [[ $plain != "$rest" ]]; do
    REPLY+=$plain\\${rest:${#plain}:1} rest=${rest:${#plain}+1}
  done
  REPLY+=$rest\"
}

send() { # MILLISECONDS SERVICE PATH TARGET BODY: sets status ('' without a reply) and reply
  status='' reply=''
  endpoint "$2"
  if [[ $curl ]]; then by_curl "$@"; else by_node "$@"; fi
  [[ $status =~ ^[1-5][0-9][0-9]$ ]] && ((${#reply} < MOST_BYTES)) || { status='' reply=''; return; }
  reply=${reply//[$'\n\r\t']/}
}

read_bytes() { # MOST SECONDS DESCRIPTOR: sets REPLY, quickly
  IFS= read -r -N "$1" -t "$2" -u "$3" 2>/dev/null && return
  local status=$? rest
  # or the next read would return what bash has buffered
  ((status > 128)) && IFS= read -r -N "$MOST_BYTES" rest </dev/null
  return $status
}

by_curl() { # passes credentials by standard input, because every process can read arguments
  local config=$'silent\n' seconds timed_out=''
  option url "$url$3"
  option aws-sigv4 "aws:amz:$region:$2"
  option user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
  [[ ${AWS_SESSION_TOKEN:-} ]] && option header "X-Amz-Security-Token: $AWS_SESSION_TOKEN"
  option header "Content-Type: application/${4:+x-amz-}json${4:+-1.0}"
  [[ $4 ]] && option header "X-Amz-Target: $4"
  option data-raw "$5"
  option write-out '\n%{http_code}'
  printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  option max-time "$seconds"
  exec 4< <({ printf '%s' "$config" | exec "$curl" -q --http1.1 -K -; } 2>/dev/null)
  read_bytes $MOST_BYTES "$seconds" 4
  (($? > 128)) && timed_out=1
  exec 4<&-
  # not by a pattern, which takes minutes in a part of a large reply
  [[ ${REPLY: -4:1} == $'\n' ]] && status=${REPLY: -3} reply=${REPLY:0:${#REPLY}-4}
  [[ $REPLY || $timed_out ]] || curl='' # this curl cannot sign
  [[ $curl || ! $node ]] || by_node "$@"
}

option() {
  quoted "$2"
  config+="$1 = $REPLY"$'\n'
}

by_node() { # one process for all requests
  [[ ${NODE_PID:-} ]] || { coproc NODE { exec "$node" "$home/ask.cjs" 2>/dev/null; }; } 2>/dev/null
  local seconds length IFS=$TAB
  printf -v seconds '%d.%03d' $((($1 + 100) / 1000)) $((($1 + 100) % 1000))
  { printf '%s\n' "$*$TAB$url$TAB$region" >&"${NODE[1]}"; } 2>/dev/null || return
  IFS=' ' read -r -t "$seconds" -u "${NODE[0]}" status length 2>/dev/null || status=''
  [[ $status && $length ]] || return
  read_bytes "$length" "$seconds" "${NODE[0]}" && reply=$REPLY || status='' # a part is no reply
}

# --- decisions ---

text_of() { # FIELD: sets REPLY to a text of the JSON object in `head`
  REPLY=''
  [[ $head =~ \"$1\":\ ?\"([^\"\\]+)\" ]] && REPLY=${BASH_REMATCH[1]}
}

load_prefixes() { # reads the heads of the compiled prefixes
  local folder file head folders=("$home/prefixes" "${LAMBDA_TASK_ROOT:-/var/task}/prefixes")
  [[ $PREFIXWARM_PREFIXES ]] && folders=("$PREFIXWARM_PREFIXES")
  for folder in "${folders[@]}"; do
    for file in "$folder"/*.prefix.json; do
      [[ ! -f $file || -f ${file%.prefix.json}.warm ]] || note failed 'a prefix file is not compiled, and there is no Python here to do so; attach it, or use the layer of `prefixwarm layer build`'
    done
    for file in "$folder"/*.warm; do
      [[ -f $file ]] || continue
      ((${#names[@]} < MOST_PREFIXES)) || { note failed "more than $MOST_PREFIXES prefixes are attached"; return; }
      head=''
      IFS= read -r head 2>/dev/null <"$file"
      add_prefix
    done
  done
  ((${#names[@]} || ${#lines[@]})) || stop skipped 'no compiled prefixes are attached'
}

add_prefix() { # adds the prefix with this `head`
  local name route model digits where usd
  text_of name; name=$REPLY
  text_of route; route=$REPLY
  text_of model; model=$REPLY
  text_of fingerprint; digits=${REPLY#*:}
  if [[ ! $head =~ \"format\":\ ?\"prefixwarm-warm/1\" || ! $name =~ ^[A-Za-z0-9_.-]+$ || ! $route || ! $model || ! $digits ]]; then
    note failed 'a file of compiled prefixes is not one; build it again'
    return
  fi
  where=$region
  [[ $route == anthropic ]] && where=-
  where=state/$route/$where/$scope/$name/$model/${digits:0:32}
  [[ " ${keys[*]} " == *" $where "* ]] && return # is both in the layer and in the function's code
  usd=''
  [[ $head =~ \"read\":\ ?([0-9.e-]+)[,}] ]] && micro "${BASH_REMATCH[1]}" && usd=$REPLY
  [[ $usd && $head =~ \"tokens\":\ ?([0-9]{1,9})[,}] ]] && usd=$((usd * BASH_REMATCH[1] / 1000000)) || usd=''
  names+=("$name") keys+=("$where") read_usd+=("$usd")
}

micro() { # DECIMAL: sets REPLY to millionths
  [[ $1 =~ $DOLLARS ]] || return 1
  local fraction=${BASH_REMATCH[3]}000000 places=$((10#${BASH_REMATCH[5]:-0}))
  REPLY=$((10#${BASH_REMATCH[1]} * 1000000 + 10#${fraction:0:6}))
  ((places > 12)) && REPLY=0 || REPLY=$((REPLY / 10 ** places))
}

dollars() { # MILLIONTHS, more than none: sets REPLY as prefixwarm.amounts shows the amount
  local step=$(($1 < 1000 ? 1 : $1 < 10000 ? 10 : $1 < 100000 ? 100 : 1000)) # three digits
  if (($1 < 100)); then
    REPLY='<$0.0001'
  elif (($1 < 999500)); then
    printf -v REPLY '$0.%06d' $((($1 + step / 2) / step * step))
    while [[ $REPLY == *.??*0 ]]; do REPLY=${REPLY%0}; done
  else
    printf -v REPLY '$%d.%02d' $((($1 + 5000) / 1000000)) $((($1 + 5000) % 1000000 / 10000))
  fi
}

value_of() { # ATTRIBUTE TYPE: sets REPLY to an attribute of `item`; numbers without fraction
  REPLY=''
  [[ $item =~ \"$1\":\{\"$2\":\"([^\"\\]*)\" ]] && REPLY=${BASH_REMATCH[1]}
  [[ $2 == S ]] && return
  [[ $REPLY =~ ^([0-9]{1,12})(\.[0-9]+)?$ ]] && REPLY=$((10#${BASH_REMATCH[1]})) || REPLY=''
}

read_states() { # sets states to the items
  local key body=''
  for key in "${keys[@]}"; do body+=",{\"pk\":{\"S\":\"$key\"}}"; done
  body="{\"RequestItems\":{\"$PREFIXWARM_TABLE\":{\"Keys\":[${body:1}],\"ProjectionExpression\":\"$STATE_ATTRIBUTES\",\"ExpressionAttributeNames\":{\"#f\":\"functions\"}}}}"
  send $((hold_ms < STATE_MS ? hold_ms : STATE_MS)) dynamodb / DynamoDB_20120810.BatchGetItem "$body"
  if [[ $status != 200 || $reply != *'"Responses"'* ]]; then
    stop failed "the warm state cannot be read (status ${status:-none}); nothing is asked for"
  fi
  reply=${reply// /}
  reply=${reply//'}},{'/$'}}\n{'}
  local IFS=$'\n'
  set -f
  states=($reply)
  set +f
}

select_cold() {
  local i item state states now refusal first=${PREFIXWARM_FIRST:-${names[0]}}
  read_states
  printf -v now '%(%s)T' -1
  for i in "${!names[@]}"; do
    item='' refusal='' decision=''
    for state in "${states[@]}"; do
      [[ $state == *"\"pk\":{\"S\":\"${keys[i]// /}\"}"* ]] && item=$state
    done
    judge "$i"
    if [[ $refusal ]]; then note skipped "$refusal" "${names[i]}"; else cold+=("${names[i]}"); decisions[${names[i]}]=$decision; fi
  done
}

judge() { # INDEX: sets refusal or decision for the prefix with the state `item`
  local until
  value_of warm_until N
  if ((${REPLY:-0} > now + NEEDED_SECONDS)); then
    if is_noted; then refusal=warm; else decision='warm; its keep-warm function learns of this function'; fi
    return
  fi
  value_of backoff_until N; until=${REPLY:-0}
  value_of backoff_of S
  [[ ! $REPLY ]] && ((until > now)) && { value_of failures N; refusal="backing off after ${REPLY:-some} failed calls"; return; }
  [[ ${names[$1]} != "$first" ]] && ! is_used && { refusal="no request was seen to use it; before that, $first alone is warmed"; return; }
  value_of matched_at N
  [[ $kind == provisioned-concurrency && ! $REPLY ]] && { refusal='nothing may be spent on such a start while nobody observes the agent (docs/init-phase.md)'; return; }
  decide "$1"
}

is_noted() { # whether the state already lists this function as a sender of the prefix
  [[ ! $function || $item =~ \"functions\":\{\"SS\":\[[^]]*\"$function\" ]]
}

is_used() { # whether a request of this function (or of any, if none is listed) was seen to use it
  if [[ $item =~ \"used_by\":\{\"SS\":\[([^]]*)\] ]]; then
    [[ ${BASH_REMATCH[1]} == *"\"$function\""* ]]
  else
    value_of matched_at N
    [[ $REPLY ]]
  fi
}

seconds_of() { # MILLISECONDS: sets REPLY
  printf -v REPLY '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100))
}

decide() { # INDEX: decides whether the wait is worth what the first request then saves
  local write read wait saved worth wait_text hint=${PREFIXWARM_INIT_HINT_MS:-}
  [[ $kind == provisioned-concurrency || $kind == lambda-managed-instances ]] && { decision='held until the reply: nobody waits for this start'; return; }
  value_of read_ms N; read=${REPLY:-0}
  value_of write_ms N; write=$REPLY
  [[ $write ]] || { decision='held until the reply: how long a write takes is not known yet'; return; }
  held
  seconds_of "$write"
  ((write > hold_ms - held_ms)) && { refusal="first request will write: a write takes $REPLY, longer than the hold"; return; }
  decision="held until the reply: a write takes $REPLY"
  [[ $hint ]] || return
  hint=$((10#$hint > held_ms ? 10#$hint - held_ms : 0))
  wait=$((write > hint ? write - hint : 0)) saved=$((write > read ? write - read : 0))
  seconds_of $wait; wait_text=$REPLY
  seconds_of $saved
  ((wait < saved)) || { refusal="first request will write: waiting $wait_text would save it $REPLY"; return; }
  decision+=", $wait_text of it waited for to save $REPLY"
  micro "${PREFIXWARM_LATENCY_VALUE:-0}"
  ((REPLY)) || return
  worth=$((REPLY * (saved - wait) / 1000))
  ((${read_usd[$1]:-0} > worth)) || return
  seconds_of $((saved - wait))
  refusal="first request will write: $REPLY are worth"
  dollars $worth; refusal+=" $REPLY"
  dollars "${read_usd[$1]}"; refusal+=", a read costs $REPLY"
}

# --- asking ---

ask_for() { # PREFIX...
  local names_json answer
  printf -v names_json ',"%s"' "$@"
  held
  local left=$((hold_ms - held_ms - 100)) # leaves time to log before the hold ends
  send $((left > 100 ? left : 100)) lambda "/2015-03-31/functions/$PREFIXWARM_ASK/invocations" '' "{\"warm\":[${names_json:1}],\"wait\":true,\"needed_for_seconds\":$NEEDED_SECONDS${PREFIXWARM_INIT_USD_PER_WEEK:+,\"usd_per_week\":$PREFIXWARM_INIT_USD_PER_WEEK}${function:+,\"function\":\"$function\"}}"
  if [[ ! $status ]]; then
    held
    ((held_ms < hold_ms - 200)) && stop failed 'the keep-warm function cannot be reached'
    stop failed 'the keep-warm function did not answer within the hold; its work goes on'
  fi
  [[ $status == 200 ]] || stop failed "the keep-warm function cannot be asked (status $status)"
  local answered='' count object='\{("([^"\\]|\\.)*"|[^{}"])*\}' rest=$reply outcome reason
  for ((count = 0; count < 2 * MOST_PREFIXES; count++)); do
    [[ $rest =~ $object ]] || break
    head=${BASH_REMATCH[0]}
    rest=${rest#*"$head"} reason=''
    text_of name; answer=$REPLY
    text_of outcome; outcome=$REPLY
    [[ $head =~ \"reason\":\ ?\"(([^\"\\]|\\.)*)\" ]] && reason=${BASH_REMATCH[1]}
    [[ $head =~ \"message\":\ ?\"(([^\"\\]|\\.)*)\" ]] && stop failed "the keep-warm function refuses: ${BASH_REMATCH[1]}"
    [[ $outcome =~ ^[a-z]+$ && $answer =~ ^[A-Za-z0-9_.-]+$ ]] || continue
    note "$outcome" "$reason" "$answer" "${decisions[$answer]:-}"
    answered=1
  done
  head=$reply
  text_of errorType; REPLY=${REPLY//[^A-Za-z0-9_.]/}
  [[ $answered ]] || stop failed "the keep-warm function failed, or its answer is invalid${REPLY:+: $REPLY}"
}

main() {
  hold_ms=$1 kind=$2 node='' curl='' function=${AWS_LAMBDA_FUNCTION_NAME:-}
  function=${function//[^A-Za-z0-9_-]/}
  uptime
  began_ms=$now_ms
  trap 'stop failed "the environment ended before the reply came"' TERM
  trap '' PIPE # a helper that has ended counts as no reply
  trim_settings
  refuse_by_settings
  curl=$(type -P curl)
  node=/var/lang/bin/node
  [[ -x $node ]] || node=$(type -P node)
  [[ $curl || $node ]] || stop skipped 'neither Python nor curl nor Node.js here: nothing can be warmed in this runtime'
  load_prefixes
  ((${#names[@]})) || finish
  if [[ $mode == always ]]; then cold=("${names[@]}"); else select_cold; fi
  ((${#cold[@]} == 0)) || ask_for "${cold[@]}"
  finish
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
