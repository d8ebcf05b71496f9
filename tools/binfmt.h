/* `dragoman binfmt`: has the kernel start guest programs with this executable (binfmt_misc). */
#ifndef DRAGOMAN_TOOLS_BINFMT_H
#define DRAGOMAN_TOOLS_BINFMT_H

/* Takes the command's arguments from argv[at] on. Returns the exit status: 0, 1 if it could not be done or isn't so, 2
 * for bad arguments. */
int binfmt_main(int argc, char **argv, int at);

#endif
