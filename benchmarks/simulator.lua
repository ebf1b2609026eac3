-- wrk: one prefix of 80 kB (eight tools, a marked system block), another last message each time.
local words = "The quick support agent reads the order, checks the policy and answers politely. "
local tools = {}
for i = 1, 8 do
  tools[i] = string.format(
    '{"name":"tool_%d","description":"%s","input_schema":{"type":"object","properties":{"id":{"type":"string"}}}}',
    i, string.rep(words, 60))
end
local head = '{"model":"claude-sonnet-5-5","max_tokens":1,"tools":[' .. table.concat(tools, ",") ..
  '],"system":[{"type":"text","text":"' .. string.rep(words, 510) ..
  '","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"'
local number, thread = 0, 0

function setup(t)
  thread = thread + 1
  t:set("id", thread)
end

function request()
  number = number + 1
  local body = head .. "Question " .. id .. "-" .. number .. '"}]}'
  return wrk.format("POST", "/v1/messages", {
    ["content-type"] = "application/json",
    ["authorization"] = "Bearer benchmark",
    ["anthropic-version"] = "2026-10-21",
  }, body)
end

function done(summary, latency)
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "errors": %d, "p50_ms": %.2f, "p99_ms": %.2f}\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
