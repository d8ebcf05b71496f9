# What configure scripts do all day: small programs, started one after the other.
for i in 1 2 3 4 5 6 7 8 9 10; do
    case `uname -s` in Linux) os=linux ;; *) os=unknown ;; esac
    cat >conftest.h <<END
#define HAVE_$i 1
#undef NEED_$i
END
    n=`expr $i + 1`
    name=`echo "check $n" | sed 's/ /_/g' | tr a-z A-Z`
    if grep "HAVE_$i" conftest.h >/dev/null && test -r conftest.h; then
        result=yes
    else
        result=no
    fi
    (echo "checking for $name on $os... $result"; dirname /a/b/conftest.h; basename /a/b/conftest.h .h) | sort | head -n 2
    mv conftest.h conftest.$i && rm -f conftest.$i
done
