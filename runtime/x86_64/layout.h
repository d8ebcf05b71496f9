/* x86-64's side of runtime/linux/layout.h: all is as on the host, whose C library has the kernel's own layouts. */
#ifndef DRAGOMAN_X86_LAYOUT_H
#define DRAGOMAN_X86_LAYOUT_H

#include "../linux/layout.h"

extern const Layout layout_x86_64;

#endif
