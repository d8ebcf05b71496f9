local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(27))
local t = {}
for i = 1, 100000 do t[i] = (i * 7919) % 100003 end
table.sort(t, function(a, b) return a > b end)
print(t[1], t[50000])
local words = {}
local n = 0
for line in io.lines("text") do
    n = n + 1
    if n > 20000 then break end
    for w in line:gmatch("[%a_][%w_]+") do words[w] = (words[w] or 0) + 1 end
end
local list = {}
for w, c in pairs(words) do list[#list + 1] = string.format("%06d %s", c, w) end
table.sort(list)
print(#list, list[#list])
local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, Point) end
local p = setmetatable({x = 0, y = 0}, Point)
for i = 1, 300000 do p = p + setmetatable({x = i, y = 1 / i}, Point) end
print(p.x, string.format("%.6f", p.y))
