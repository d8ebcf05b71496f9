/* Names of core files by core_pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../runtime/coredump.h"

static void named(const char *pattern, const char *wanted)
{
    char got[256], uses_pid = '0';
    FILE *f = fopen("/proc/sys/kernel/core_uses_pid", "r");
    if (f) {
        uses_pid = (char)fgetc(f);
        fclose(f);
    }
    core_name(pattern, "/usr/bin/a program", SIGSEGV, got, sizeof got);
    if (uses_pid != '0' && !strstr(pattern, "%p"))
        got[strlen(got) - strlen(strrchr(got, '.'))] = 0;
    assert_string_equal(got, wanted);
}

static void patterns(void **state)
{
    char pid[64], user[64];
    prctl(PR_SET_NAME, "it/self");
    snprintf(pid, sizeof pid, "/tmp/core.%d.x", getpid());
    snprintf(user, sizeof user, "%u-%u", getuid(), getgid());
    named("core", "core");
    named("/tmp/core.%p.x", pid);
    named("%e", "it!self");
    named("%f of %E", "a program of !usr!bin!a program");
    named("%u-%g", user);
    named("s%s%%", "s11%");
    named("end%", "end");
    named("%q.", ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
