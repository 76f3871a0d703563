/*
 * error: how a function says what went wrong.
 *
 * A function that can fail returns 0, or a negative error_code with the
 * caller's struct error filled in by the layer that knows most. No allocation,
 * no globals. A defect of ours is an assert, never an error.
 */
#ifndef TANDEM_ERROR_H
#define TANDEM_ERROR_H

#include <stdarg.h>

/* X(name, exit code of the command, meaning) */
#define ERROR_CODES(X)                           \
    X(MEMORY, 1, "out of memory")                \
    X(RUN, 1, "the run failed")                  \
    X(USAGE, 2, "wrong use of the command line") \
    X(CONFIG, 3, "bad configuration")            \
    X(TRACE, 3, "bad trace")                     \
    X(IO, 4, "input or output failed")

enum error_code {
    ERROR_NONE = 0,
#define X(name, exit_code, meaning) ERROR_##name,
    ERROR_CODES(X)
#undef X
};

#define ERROR_TEXT_BYTES 4096
#define ERROR_KEY_BYTES 64

struct error {
    enum error_code code;
    char key[ERROR_KEY_BYTES]; /* the scenario's, where it is about one: "layout.tensor_parallel" */
    char text[ERROR_TEXT_BYTES];
};

/* Fills `error` with a printf-formatted text, truncated to fit; returns -code. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for ERROR_CONFIG and a key: keys joined by dots, elements of lists by number from 0.
   Whoever has the file can say where it stands. */
int error_set_key(struct error *error, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Say more, after the text that `error` has or before it; its code and key stay. Return -code. */
int error_append(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int error_prepend(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The usual one: fills in ERROR_MEMORY with what was being allocated; returns -ERROR_MEMORY. */
int error_out_of_memory(struct error *error, const char *what);

/* The exit code that the command gives for `code`; 0 for ERROR_NONE. */
int error_exit_code(enum error_code code);

#endif
