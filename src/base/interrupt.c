#include "interrupt.h"

#include "base.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

void interrupt_hold(struct interrupt *interrupt)
{
    (void)sigemptyset(&interrupt->held);
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        struct sigaction action;
        /* A signal that is blocked and ignored still shows as pending: a run behind nohup or `&`
           would end on one that it was told not to hear. */
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&interrupt->held, signals[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &interrupt->held, &interrupt->before);
}

bool interrupt_is_pending(const struct interrupt *interrupt)
{
    sigset_t pending;
    if (sigpending(&pending) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        if (sigismember(&interrupt->held, signals[i]) == 1 &&
            sigismember(&pending, signals[i]) == 1)
            return true;
    }
    return false;
}

void interrupt_release(struct interrupt *interrupt)
{
    (void)pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}
