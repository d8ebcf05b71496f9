# Shared by the scripts that run guest programs. Sourced with the working directory anywhere; sets:
#   root      the project's directory
#   DRAGOMAN  the program under test (build/release/dragoman; QEMU can stand in for it)
#   tiers     what DRAGOMAN_TIERS says, or "baseline llvm auto"; "-" for a program that has no --tier option
root=$(cd "$(dirname "$0")/.." && pwd)
DRAGOMAN=${DRAGOMAN:-$root/build/release/dragoman}
case $DRAGOMAN in
*qemu*) tiers=- ;;
*) tiers=${DRAGOMAN_TIERS:-baseline llvm auto} ;;
esac
PATH=$PATH:/usr/sbin:/sbin # chroot and the like, for whoever isn't root
# Translations are kept from test to test, as a user's are from run to run.
DRAGOMAN_CACHE=${DRAGOMAN_CACHE-$root/build/cache}
export DRAGOMAN DRAGOMAN_CACHE
# Which guest's programs are run: aarch64, x86_64, arm or thumb (32-bit Arm by either instruction set), armel (ARMv5 without VFP).
case ${GUEST:=aarch64} in
aarch64) GUEST_PREFIX=aarch64-linux-gnu GUEST_FLAGS= GUEST_SUFFIX= GUEST_LINES=GUEST ;;
x86_64) GUEST_PREFIX=x86_64-linux-gnu GUEST_FLAGS= GUEST_SUFFIX=-x86_64 GUEST_LINES=GUEST_X86 ;;
armel) GUEST_PREFIX=arm-linux-gnueabi GUEST_FLAGS= GUEST_SUFFIX=-armel GUEST_LINES=GUEST_ARMEL ;;
arm | thumb) GUEST_PREFIX=arm-linux-gnueabihf GUEST_FLAGS=-m$GUEST GUEST_SUFFIX=-$GUEST GUEST_LINES=GUEST_ARM ;;
esac
export GUEST
LIMIT=${LIMIT:-60} # seconds for one guest program
JOBS=${JOBS:-2}

# Is it built with sanitizers? Its shadow takes all of the address space then, and it is linked dynamically.
sanitized() {
    grep -q __asan_default_options "$DRAGOMAN"
}

# tier_option TIER: what to pass for it.
tier_option() {
    [ "$1" = - ] || echo "--tier=$1"
}

# guest TIER PROGRAM ARG...: runs a guest program with a time limit, against the libraries in $SYSROOT.
guest() {
    tier_=$1
    shift
    timeout -k 5 "$LIMIT" "$DRAGOMAN" $(tier_option "$tier_") -L "${SYSROOT:-/usr/$GUEST_PREFIX}" "$@"
}

# summary FILE: prints the closing line from a file of lines that begin with PASS, FAIL or SKIP; fails if any did. The line also
# goes to build/counts/$COUNTS, if that is set, for tools/test to add up, and what was skipped to build/counts/$COUNTS.skipped.
summary() {
    mkdir -p "$root/build/counts"
    grep -a '^SKIP' "$1" >"$root/build/counts/${COUNTS:-last}.skipped"
    awk '/^PASS/ {p++} /^FAIL/ {f++} /^SKIP/ {s++} END {printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f != 0 || p + s == 0}' "$1" \
        >"$root/build/counts/${COUNTS:-last}"
    status_=$?
    cat "$root/build/counts/${COUNTS:-last}"
    return $status_
}

# newer FILE SOURCE...: true if FILE exists and is newer than every source.
newer() {
    made=$1
    shift
    [ -e "$made" ] || return 1
    for source_ in "$@"; do
        [ "$source_" -ot "$made" ] || return 1
    done
}

# expect NAME STATUS TEXT COMMAND...: the exit status, and a line that standard output or error must have (a grep pattern).
expect() {
    name=$1 status=$2 text=$3
    shift 3
    timeout -k 5 "$LIMIT" "$@" >got 2>&1
    got=$?
    if [ $got = "$status" ] && { [ -z "$text" ] || grep -q -e "$text" got; }; then
        echo "PASS $name"
    else
        echo "FAIL $name: status $got, wanted $status and '$text'; got $(head -n 2 got | tr '\n' ' ')"
    fi
}
