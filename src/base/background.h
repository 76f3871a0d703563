/*
 * background: a function called again and again on a thread of its own.
 *
 *     background_start(&packer, pack, &table, &error)
 *     background_call(&packer)     pack(&table) runs beside the caller
 *     background_wait(&packer)     and has returned
 *
 * One call at a time; between wait and call, what the function works on is the
 * caller's. Signals that the caller blocks are blocked in the thread.
 */
#ifndef TANDEM_BACKGROUND_H
#define TANDEM_BACKGROUND_H

#include "error.h"

#include <pthread.h>
#include <stdbool.h>

enum background_state {
    BACKGROUND_IDLE,
    BACKGROUND_BUSY,
    BACKGROUND_STOPPING,
};

struct background {
    bool has_thread; /* the caller's, all else below the mutex is shared */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum background_state state;
    void (*function)(void *context);
    void *context;
};

/* Starts the thread of a background that has none, and that stays where it is until it is stopped.
   ERROR_RUN where the system lets no thread start. */
int background_start(struct background *background, void (*function)(void *context), void *context,
                     struct error *error);

/* Begins a call, there being none under way. */
void background_call(struct background *background);

/* Waits until no call is under way. */
void background_wait(struct background *background);

/* Waits and ends the thread. A zeroed or stopped background may be stopped. */
void background_stop(struct background *background);

#endif
