/* `dragoman dis` (tools/dis.c). */
#ifndef DRAGOMAN_DIS_H
#define DRAGOMAN_DIS_H

/* Arguments start at argv[at]. Returns the exit status: 0, or 2 for anything that is wrong with the arguments or the file. */
int dis_main(int argc, char **argv, int at);

#endif
