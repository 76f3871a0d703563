/*
 * background: calls of a function, one after the other, on a thread of their own.
 *
 *     background_start(&writer, write, &error)
 *     uint64_t call = background_call(&writer, &chunk)     write(&chunk) runs beside the caller
 *     background_wait(&writer, call)                       and has returned
 *
 * Calls are made in the order in which they were asked for; until one has
 * returned, what it works on is the thread's. A thread that sleeps is woken for
 * several calls at a time, or when one is waited for: on a virtual machine a wake
 * takes the caller 7 us. So whoever waits looks for some time whether that is over
 * before sleeping, where there are several processors. Signals that the caller blocks
 * are blocked in the thread.
 */
#ifndef TANDEM_BACKGROUND_H
#define TANDEM_BACKGROUND_H

#include "error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* That are asked for and have not returned; who asks for more waits. */
#define BACKGROUND_CALLS_MAX 16

/* That are asked for when a thread is woken. */
#define BACKGROUND_CALLS_WAKE 3

struct background {
    bool has_thread;  /* the caller's, all else below the mutex is shared */
    bool looks_first; /* set before there is a thread */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void (*function)(void *context);
    void *contexts[BACKGROUND_CALLS_MAX]; /* of call n at n modulo its length */
    uint64_t asked;
    uint64_t returned;
    bool is_stopping;
    atomic_uint changes; /* of any of these */
};

/* Starts the thread of a background that has none, and that stays where it is until it is stopped.
   ERROR_RUN where the system lets no thread start. */
int background_start(struct background *background, void (*function)(void *context),
                     struct error *error);

/* Asks for a call; returns its number, from 1. It is made at the latest when it is waited for. */
uint64_t background_call(struct background *background, void *context);

/* Waits until a call has returned; 0: none. */
void background_wait(struct background *background, uint64_t call);

/* Waits for all calls and ends the thread. A zeroed or stopped background may be stopped. */
void background_stop(struct background *background);

#endif
