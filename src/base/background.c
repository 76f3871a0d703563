#include "background.h"

#include <assert.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For which a thread looks for a change before it sleeps. Measured: a run that writes 38 million
   rows in 0.8 s takes a twentieth less than without. */
#define LOOK_NS 40000
#define NS_PER_S 1000000000L

static long now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Looks for a change since `changes`, at most for LOOK_NS. */
static void look_for_change(const struct background *background, unsigned changes)
{
    long end_ns = now_ns() + LOOK_NS;
    while (atomic_load_explicit(&background->changes, memory_order_relaxed) == changes &&
           now_ns() < end_ns)
        continue;
}

/* All below want the mutex held. */

static void wait_for_change(struct background *background)
{
    unsigned changes = atomic_load(&background->changes);
    if (background->looks_first) {
        (void)pthread_mutex_unlock(&background->mutex);
        look_for_change(background, changes);
        (void)pthread_mutex_lock(&background->mutex);
    }
    if (atomic_load(&background->changes) == changes)
        (void)pthread_cond_wait(&background->changed, &background->mutex);
}

static void note_change(struct background *background)
{
    (void)atomic_fetch_add(&background->changes, 1);
}

static void tell(struct background *background)
{
    (void)pthread_cond_broadcast(&background->changed);
}

/* Makes the next call, without the mutex meanwhile. */
static void make_call(struct background *background)
{
    void *context = background->contexts[background->returned % BACKGROUND_CALLS_MAX];
    (void)pthread_mutex_unlock(&background->mutex);
    background->function(context);
    (void)pthread_mutex_lock(&background->mutex);
    background->returned++;
    note_change(background);
    tell(background);
}

static void *serve(void *context)
{
    struct background *background = context;
    (void)pthread_mutex_lock(&background->mutex);
    while (background->returned < background->asked || !background->is_stopping) {
        if (background->returned < background->asked)
            make_call(background);
        else
            wait_for_change(background);
    }
    (void)pthread_mutex_unlock(&background->mutex);
    return NULL;
}

int background_start(struct background *background, void (*function)(void *context),
                     struct error *error)
{
    assert(!background->has_thread);
    *background = (struct background){
        .function = function,
        .looks_first = sysconf(_SC_NPROCESSORS_ONLN) > 1,
    };
    (void)pthread_mutex_init(&background->mutex, NULL);
    (void)pthread_cond_init(&background->changed, NULL);
    int reason = pthread_create(&background->thread, NULL, serve, background);
    background->has_thread = reason == 0;
    if (background->has_thread)
        return 0;
    (void)pthread_cond_destroy(&background->changed);
    (void)pthread_mutex_destroy(&background->mutex);
    return error_set(error, ERROR_RUN, "cannot start a thread: %s", strerror(reason));
}

uint64_t background_call(struct background *background, void *context)
{
    (void)pthread_mutex_lock(&background->mutex);
    while (background->asked - background->returned == BACKGROUND_CALLS_MAX)
        wait_for_change(background);
    background->contexts[background->asked % BACKGROUND_CALLS_MAX] = context;
    uint64_t call = ++background->asked;
    note_change(background);
    if (call - background->returned >= BACKGROUND_CALLS_WAKE)
        tell(background);
    (void)pthread_mutex_unlock(&background->mutex);
    return call;
}

void background_wait(struct background *background, uint64_t call)
{
    (void)pthread_mutex_lock(&background->mutex);
    assert(call <= background->asked);
    if (background->returned < call)
        tell(background);
    while (background->returned < call)
        wait_for_change(background);
    (void)pthread_mutex_unlock(&background->mutex);
}

void background_stop(struct background *background)
{
    if (!background->has_thread)
        return;
    (void)pthread_mutex_lock(&background->mutex);
    background->is_stopping = true;
    note_change(background);
    tell(background);
    (void)pthread_mutex_unlock(&background->mutex);
    (void)pthread_join(background->thread, NULL);
    (void)pthread_cond_destroy(&background->changed);
    (void)pthread_mutex_destroy(&background->mutex);
    background->has_thread = false;
}
