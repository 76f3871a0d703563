/*
 * interrupt: SIGINT, SIGTERM and SIGHUP held back until the program can end cleanly.
 *
 * No handler and so no global flag: the signals are blocked, and long work asks
 * now and then whether one is pending. After the clean-up interrupt_release()
 * lets it through, so that the caller's shell sees how the program ended.
 */
#ifndef TANDEM_INTERRUPT_H
#define TANDEM_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

struct interrupt {
    sigset_t held;
    sigset_t before;
};

/* Blocks, in the calling thread, those of the signals that are not ignored. */
void interrupt_hold(struct interrupt *interrupt);

bool interrupt_is_pending(const struct interrupt *interrupt);

/* Restores the signals; one that is pending acts now, by default ending the program. */
void interrupt_release(struct interrupt *interrupt);

#endif
