-- Asks environments in turns; all requests are written once, 64 of them however many environments there are.
--   wrk -s environments.lua <url> -- <first> <count>: from bench-<first> on
local requests = {}
local asked = 0

function init(args)
  local count = tonumber(args[2])
  for index = 1, 64 do
    wrk.headers["x-env-id"] = "bench-" .. (tonumber(args[1]) + (index - 1) % count)
    requests[index] = wrk.format()
  end
end

function request()
  asked = asked % 64 + 1
  return requests[asked]
end
