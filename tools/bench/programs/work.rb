class Vec
  attr_reader :x, :y
  def initialize(x, y) = (@x, @y = x, y)
  def +(other) = Vec.new(@x + other.x, @y + other.y)
  def to_s = format("(%.3f, %.3f)", @x, @y)
end

sum = Vec.new(0, 0)
150_000.times { |i| sum += Vec.new(i * 0.5, 1.0 / (i + 1)) }
puts sum
words = Hash.new(0)
File.foreach("text", encoding: "BINARY").first(20_000).each { |line| line.scan(/[A-Za-z_]\w+/) { |w| words[w.downcase] += 1 } }
puts words.sort_by { |w, n| [-n, w] }.first(5).inspect
def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
puts fib(22), (1..200).inject(:*).to_s.length, (1..20_000).select(&:even?).map { |x| x * x }.sum
puts (1..2000).map { |i| (i * 7919 % 1009).to_s }.sort.join.hash.is_a?(Integer)
