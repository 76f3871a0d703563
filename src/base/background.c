#include "background.h"

#include <assert.h>
#include <string.h>

static void set_state(struct background *background, enum background_state state)
{
    (void)pthread_mutex_lock(&background->mutex);
    background->state = state;
    (void)pthread_cond_signal(&background->changed);
    (void)pthread_mutex_unlock(&background->mutex);
}

/* Waits while the state is `state`; returns what it is then. */
static enum background_state wait_while(struct background *background, enum background_state state)
{
    (void)pthread_mutex_lock(&background->mutex);
    while (background->state == state)
        (void)pthread_cond_wait(&background->changed, &background->mutex);
    enum background_state now = background->state;
    (void)pthread_mutex_unlock(&background->mutex);
    return now;
}

static void *serve(void *context)
{
    struct background *background = context;
    while (wait_while(background, BACKGROUND_IDLE) == BACKGROUND_BUSY) {
        background->function(background->context);
        set_state(background, BACKGROUND_IDLE);
    }
    return NULL;
}

int background_start(struct background *background, void (*function)(void *context), void *context,
                     struct error *error)
{
    assert(!background->has_thread);
    *background = (struct background){.function = function, .context = context};
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

void background_call(struct background *background)
{
    set_state(background, BACKGROUND_BUSY);
}

void background_wait(struct background *background)
{
    (void)wait_while(background, BACKGROUND_BUSY);
}

void background_stop(struct background *background)
{
    if (!background->has_thread)
        return;
    background_wait(background);
    set_state(background, BACKGROUND_STOPPING);
    (void)pthread_join(background->thread, NULL);
    (void)pthread_cond_destroy(&background->changed);
    (void)pthread_mutex_destroy(&background->mutex);
    background->has_thread = false;
}
