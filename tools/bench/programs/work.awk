{
    for (i = 1; i <= NF; i++)
        count[tolower($i)]++
    sum += length($0)
}
/def +[a-z_]+\(/ {
    gsub(/[aeiou]/, "*")
    names = names substr($2, 1, 1)
}
END {
    for (w in count)
        if (count[w] > 500)
            common[++n] = sprintf("%06d %s", count[w], w)
    for (i = 1; i <= 300000; i++)
        total += i % 7 * 2.5
    printf "%d %d %d %d %.2f\n", NR, sum, n, length(names), total
}
