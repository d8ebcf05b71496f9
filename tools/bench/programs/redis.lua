local sum = 0
for i = 1, 30000 do
    sum = sum + tonumber(string.sub(redis.call('GET', 'key' .. i), 6))
    redis.call('HINCRBY', 'counts', i % 97, i)
end
local top = redis.call('ZREVRANGE', 'set3', 0, 4)
return {sum, redis.call('HGET', 'counts', '7'), redis.call('ZCARD', 'set3'), table.concat(top, ',')}
