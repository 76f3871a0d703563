#include "background.h"

#include <assert.h>
#include <string.h>

/* All below want the mutex held. */

static void wait_for_change(struct background *background)
{
    (void)pthread_cond_wait(&background->changed, &background->mutex);
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
    *background = (struct background){.function = function};
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
    tell(background);
    (void)pthread_mutex_unlock(&background->mutex);
    (void)pthread_join(background->thread, NULL);
    (void)pthread_cond_destroy(&background->changed);
    (void)pthread_mutex_destroy(&background->mutex);
    background->has_thread = false;
}
