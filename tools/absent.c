/* Functions that the libraries call if they are there. A call reaches 2 GiB, and the place of what isn't there, 0, is farther away from
 * where this executable is linked, which the linker refuses: so they are here, weakly, and do nothing. */
#include <stddef.h>

#define ABSENT(name) \
    __attribute__((weak)) size_t name(void); \
    size_t name(void) \
    { \
        return 0; \
    }
ABSENT(ZSTD_trace_compress_begin)
ABSENT(ZSTD_trace_compress_end)
ABSENT(ZSTD_trace_decompress_begin)
ABSENT(ZSTD_trace_decompress_end)
ABSENT(__call_tls_dtors)
ABSENT(__cxa_finalize)
ABSENT(__glibc_tls_internal_free)
ABSENT(__mq_notify_fork_subprocess)
ABSENT(__printf_buffer_flush_obstack)
ABSENT(__pthread_initialize_minimal)
ABSENT(__timer_fork_subprocess)
