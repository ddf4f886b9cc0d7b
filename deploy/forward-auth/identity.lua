-- HAProxy asks Identity about a request: an action for haproxy.cfg, `http-request lua.identity`. The variable
-- txn.identity holds the path to ask for. Any answer except 200 ends the request.

-- Where haproxy.cfg listens for the question, with its own time limits, which end before this client's.
local ASK_AT = "abns@ask_identity"
local CLIENT_TIMEOUT_MS = 10000

-- Headers of the answer that the service receives, and headers of a refusal that the caller receives.
local ANSWER = {
    "x-identity-user", "x-identity-id", "x-identity-admin", "x-identity-credential", "x-identity-expires",
    -- Identity sends these only if IDENTITY_FORWARD_HEADERS names them.
    "x-identity-email", "x-identity-name", "remote-user", "remote-email", "remote-name", "remote-groups",
    "x-webauth-user",
}
local REFUSAL = { "www-authenticate", "retry-after", "content-type" }
local REFUSED = { [401] = true, [403] = true, [429] = true, [503] = true }

-- HAProxy's tables of header values start at 0.
local function each(values)
    local place = -1
    return function()
        place = place + 1
        return values and values[place]
    end
end

local function list(values)
    local found = {}
    for value in each(values) do
        found[#found + 1] = value
    end
    return found
end

local function refuse(txn, status, response)
    local reply = txn:reply({ status = status })
    for _, name in ipairs(REFUSAL) do
        for value in each(response and response.headers[name]) do
            reply:add_header(name, value)
        end
    end
    if response and response.body then
        reply:set_body(response.body)
    end
    txn:done(reply)
end

local function identity(txn)
    local given = txn.http:req_get_headers()
    local headers = { ["x-forwarded-for"] = { txn.sf:src() } }
    if given["authorization"] then
        headers["authorization"] = list(given["authorization"])
    end
    local asked, response = pcall(function()
        return core.httpclient():get({
            url = "http://identity" .. txn:get_var("txn.identity"),
            dst = ASK_AT,
            headers = headers,
            timeout = CLIENT_TIMEOUT_MS,
        })
    end)
    if not asked or not response or response.status == nil then
        return refuse(txn, 503)
    end
    if response.status ~= 200 then
        return refuse(txn, REFUSED[response.status] and response.status or 503, response)
    end
    for _, name in ipairs(ANSWER) do
        txn.http:req_del_header(name)
        for value in each(response.headers[name]) do
            txn.http:req_add_header(name, value)
        end
    end
end

core.register_action("identity", { "http-req" }, identity, 0)
