-- wrk -s rotate.lua URL -- METHOD FILE [BODY]: sends the credentials in FILE, one per line, in rotation.
local requests, number = {}, 0

function init(args)
  local headers = {}
  if args[3] then headers["Content-Type"] = "application/json" end
  for line in io.lines(args[2]) do
    headers["Authorization"] = line
    requests[#requests + 1] = wrk.format(args[1], nil, headers, args[3])
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end
