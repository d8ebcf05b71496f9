/* `dragoman --version`. */
#ifndef DRAGOMAN_TOOLS_VERSION_H
#define DRAGOMAN_TOOLS_VERSION_H

void version_print(void);
/* In one line. */
extern const char version_line[];

#endif
