<?php
function fib(int $n): int { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
echo fib(25), "\n";
$words = [];
$lines = 0;
foreach (new SplFileObject('text') as $line) {
    if (++$lines > 30000)
        break;
    preg_match_all('/[A-Za-z_]\w+/', $line, $m);
    foreach ($m[0] as $w)
        $words[strtolower($w)] = ($words[strtolower($w)] ?? 0) + 1;
}
arsort($words);
echo count($words), ' ', implode(',', array_slice(array_values($words), 0, 5)), "\n";
$data = [];
for ($i = 0; $i < 20000; $i++)
    $data[] = ['id' => $i, 'name' => "item $i", 'price' => $i / 8];
echo strlen(json_encode($data)), ' ', md5(serialize($data)), ' ', count(json_decode(json_encode($data), true)), "\n";
$s = '';
for ($i = 0; $i < 300000; $i++)
    $s .= chr(97 + $i % 26);
echo crc32($s), ' ', substr_count($s, 'xyz'), ' ', strlen(str_replace('abc', '-', $s)), "\n";
