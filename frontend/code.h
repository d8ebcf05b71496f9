/* Where an ELF image has code: for translation ahead of time. */
#ifndef DRAGOMAN_CODE_H
#define DRAGOMAN_CODE_H

#include "../lifter/survey.h"
#include "../runtime/runtime.h"

/* Surveys an image that is mapped at its addresses plus `bias`; `path` is its file, for symbols. *bytes is how many
 * bytes of it can be executed: those of its executable sections or, where it has no section headers, segments. NULL
 * without memory. */
Survey *code_survey(const Image *image, u64 bias, const char *path, u64 *bytes);

#endif
