/* `dragoman cache`: looks after the translations that are kept on disk. */
#ifndef DRAGOMAN_TOOLS_CACHE_H
#define DRAGOMAN_TOOLS_CACHE_H

/* Takes the command's arguments from argv[at] on; the exit status. */
int cache_main(int argc, char **argv, int at);

#endif
