/* What ends the process says so in one line, and the process dies of SIGABRT whatever is blocked or caught. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../include/log.h"
#include "../../runtime/crash.h"

static void no_memory(void)
{
    out_of_memory("this test");
}

static void handler(int signo)
{
}

/* Runs it in a child; what it writes to stderr goes to `text`. */
static void dies(void (*end)(void), char *text, size_t size)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) {
        sigset_t all;
        dup2(fds[1], STDERR_FILENO);
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        signal(SIGABRT, handler);
        end();
    }
    close(fds[1]);
    ssize_t n = read(fds[0], text, size - 1);
    text[n > 0 ? n : 0] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_out_of_memory(void **state)
{
    char text[200];
    dies(no_memory, text, sizeof text);
    assert_string_equal(text, "dragoman: out of memory for this test\n");
}

static void test_abort(void **state)
{
    char text[200];
    dies(__wrap_abort, text, sizeof text);
    assert_non_null(strstr(text, "dragoman: internal error: abort() called before host pc 0x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
