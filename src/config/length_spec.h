/*
 * length_spec: a distribution of token counts as a command line writes it.
 *
 *   512                                      every request the same; fixed:mean=512
 *   uniform:min=1,max=2048
 *   normal:mean=512,sd=256,max=4096
 *   lognormal:mean=1155,cv=0.96,max=8192     cv: sd / mean
 *   zipf:exponent=1.1,max=131072
 *   empirical:file=traces/chat-input.csv     see length_file.h
 *
 * min and max go with every one of them; without them draws lie in
 * 1..LENGTH_MAX_DEFAULT, but for a uniform distribution, which needs max. Bounds on
 * numbers are those of a scenario's file.
 */
#ifndef TANDEM_LENGTH_SPEC_H
#define TANDEM_LENGTH_SPEC_H

#include "workload.h"

#define LENGTH_MAX_DEFAULT 131072

/*
 * Reads `text` into `lengths`. 0, or a negative error with nothing to release: ERROR_USAGE for
 * text that is not of the form above, or of the file `output`, which is to be written (NULL: none);
 * else what length_file_read() says.
 */
int length_spec_parse(struct lengths *lengths, const char *text, const char *output,
                      struct error *error);

/* Frees an empirical distribution's values. */
void length_spec_release(struct lengths *lengths);

#endif
