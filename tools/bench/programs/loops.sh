f() { local n=$1; if ((n < 2)); then r=$n; else f $((n - 1)); local a=$r; f $((n - 2)); r=$((a + r)); fi; }
f 15
echo "$r"
declare -A seen
for ((i = 0; i < 20000; i++)); do
    k=$((i * 7919 % 1009))
    seen[$k]=$((${seen[$k]-0} + 1))
    case $k in *7) s=$s.;; 1*) s=${s%.};; esac
done
echo "${#seen[@]} ${#s}"
while read -r word rest; do
    [[ $word =~ ^(def|class)$ ]] && names+=("${rest%%(*}")
    ((++n == 5000)) && break
done <text
echo "${#names[@]} ${names[5]} ${names[*]:2:3}"
