"""The scripts that take items off their lists, and put them back, in one step with kombu's books of what is held.

They are written for batches: a command for many items, times in whole seconds and no JSON read cost the server a third
of what the same costs item by item.
"""

from __future__ import annotations

from celeriac.transport.redis_line import Script

# KEYS: unacked, its index, the holder's tags, then the lists in the order of their urgency. ARGV: how many at most, how
# many in any case, how many to leave to others beyond that, unix time now, seconds to keep the holder's tags, what
# comes before a tag's place in their order, then for each list what follows an item in its entry. Answers the items by
# list, the last taken first; their tags, the first taken first; and how many are left. What has no tag cannot be
# kept in ``unacked``: it is handed out with false, and is off its list for good.
TAKE = Script(r"""
local function tag_in_text(item)
  local _, colon = string.find(item, '"delivery_tag":', 1, true)
  -- In a string its quotes would be escaped. But somebody's header may have the same name.
  if not colon or string.find(item, '"delivery_tag"', colon, true) then return nil end
  return string.match(item, '^ ?"([^"\\]*)"', colon + 1)
end

-- Half of a surrogate pair is JSON to others: Celery writes such text in argsrepr.
local function without_halves(item)
  local apart = string.gsub(item, '\\(u[dD][89abAB]%x%x)\\(u[dD][c-fC-F]%x%x)', '\1%1\1%2')
  local whole = string.gsub(apart, '\\u[dD][89a-fA-F]%x%x', '\\u0020')
  return (string.gsub(whole, '\1', '\\'))
end

local function properties_of(item)
  local ok, envelope = pcall(cjson.decode, item)
  if not ok then ok, envelope = pcall(cjson.decode, without_halves(item)) end
  local properties = ok and type(envelope) == 'table' and envelope.properties
  return type(properties) == 'table' and properties or {}
end

local function tag_of(item)
  local tag = tag_in_text(item) or properties_of(item).delivery_tag
  return (type(tag) == 'string' or type(tag) == 'number') and tostring(tag)
end

local there, lengths = 0, {}
for list = 4, #KEYS do
  lengths[list] = redis.call('LLEN', KEYS[list])
  there = there + lengths[list]
end
local left = math.min(tonumber(ARGV[1]), math.max(tonumber(ARGV[2]), there - tonumber(ARGV[3])))
local taken, tags = {}, {}
for list = 4, #KEYS do
  local items = left > 0 and lengths[list] > 0 and redis.call('LRANGE', KEYS[list], -left, -1) or {}
  local times, places = {}, {}
  for place = #items, 1, -1 do
    local tag, entry = tag_of(items[place]), '[' .. items[place] .. ARGV[list + 3]
    if tag then
      while redis.call('HSETNX', KEYS[1], tag, entry) == 0 do tag = tag .. '+' end
      local last = #times + 2
      times[last - 1], times[last] = ARGV[4], tag
      places[last - 1], places[last] = tag, ARGV[6] .. (1000000 + #tags)
    end
    tags[#tags + 1] = tag
  end
  if #times > 0 then
    redis.call('ZADD', KEYS[2], unpack(times))
    redis.call('HSET', KEYS[3], unpack(places))
    redis.call('EXPIRE', KEYS[3], ARGV[5])
  end
  if #items > 0 then
    -- Last: where Redis has no memory to note them, they stay.
    redis.call('LTRIM', KEYS[list], 0, -1 - #items)
    -- To look at what was changed is what makes Redis tell of the next change.
    redis.call('EXISTS', KEYS[list])
  end
  left = left - #items
  taken[list - 3] = items
end
return {taken, tags, there - #tags}
""")

# KEYS: unacked, its index, the holder's tags, the list. ARGV: tag, item. Back to the end that is taken from next,
# exactly once.
RESTORE = Script("""
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local pushed = redis.pcall('RPUSH', KEYS[4], ARGV[2])
if type(pushed) == 'table' then
  -- Refused: it is held as before.
  redis.call('HSET', KEYS[1], ARGV[1], entry)
  return pushed
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return 1
""")
