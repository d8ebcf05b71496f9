use strict;
use warnings;
my (%count, @order, $n);
open my $f, '<', 'text' or die;
while (<$f>) {
    last if $. > 40000;
    $count{lc $1}++ while /([A-Za-z_]\w+)/g;
    s/\b(def|class)\s+(\w+)/$1 <$2>/ and push @order, $2;
    $n += length;
}
print "$n ", scalar(@order), " ", join(",", map { "$_=$count{$_}" } (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 9]), "\n";
sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) }
print fib(20), " ", join("", map { chr(97 + $_ * 7 % 26) } 1 .. 30), " ", sprintf("%.6f", eval { my $s = 0; $s += sqrt for 1 .. 100000; $s }), "\n";
