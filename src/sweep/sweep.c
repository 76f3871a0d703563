#include "sweep.h"

#include "arena_text.h"
#include "sweep_value.h"

#include <stdio.h>
#include <string.h>

void sweep_release(struct sweep *sweep)
{
    arena_release(&sweep->arena);
}

void sweep_series_places(const struct sweep *sweep, size_t series,
                         const struct sweep_place *places[SWEEP_AXES_MAX])
{
    for (size_t i = sweep->axis_count; i-- > 0;) {
        const struct sweep_axis *axis = &sweep->axes[i];
        places[i] = &axis->places[series % axis->place_count];
        series /= axis->place_count;
    }
}

size_t sweep_series_settings(const struct sweep *sweep, size_t series,
                             struct config_setting settings[SWEEP_SETTINGS_MAX])
{
    const struct sweep_place *places[SWEEP_AXES_MAX];
    size_t count = 0;
    sweep_series_places(sweep, series, places);
    for (size_t i = 0; i < sweep->axis_count; i++) {
        for (size_t k = 0; k < places[i]->setting_count; k++)
            settings[count++] = places[i]->settings[k];
    }
    return count;
}

/* The last key of a path says enough to people. */
static void append_setting(struct arena_text *text, const struct config_setting *setting)
{
    const char *dot = strrchr(setting->path, '.');
    arena_text_append(text, dot ? dot + 1 : setting->path);
    arena_text_append(text, "=");
    arena_text_append(text, sweep_value_text(setting->value, text->arena));
}

static void append_place(struct arena_text *text, const struct sweep_place *place)
{
    const char *separator = text->bytes && *text->bytes ? ", " : "";
    if (place->name) {
        arena_text_append(text, separator);
        arena_text_append(text, place->name);
        return;
    }
    for (size_t i = 0; i < place->setting_count; i++) {
        arena_text_append(text, i == 0 ? separator : ", ");
        append_setting(text, &place->settings[i]);
    }
}

const char *sweep_series_name(const struct sweep *sweep, size_t series, struct arena *arena)
{
    if (sweep->axis_count == 0)
        return sweep->name;
    const struct sweep_place *places[SWEEP_AXES_MAX];
    struct arena_text text;
    arena_text_init(&text, arena);
    sweep_series_places(sweep, series, places);
    for (size_t i = 0; i < sweep->axis_count; i++)
        append_place(&text, places[i]);
    return text.bytes;
}

enum sweep_value sweep_load_value_kind(enum sweep_load_kind kind)
{
    static const enum sweep_value values[] = {[SWEEP_LOAD_NONE] = SWEEP_VALUE_NUMBER,
#define X(name, path, title, units, value) [SWEEP_LOAD_##name] = (value),
                                              SWEEP_LOADS(X)
#undef X
    };
    return values[kind];
}

const char *sweep_load_path(enum sweep_load_kind kind)
{
    static const char *const paths[] = {[SWEEP_LOAD_NONE] = NULL,
#define X(name, path, title, units, value) [SWEEP_LOAD_##name] = (path),
                                        SWEEP_LOADS(X)
#undef X
    };
    return paths[kind];
}

enum sweep_load_kind sweep_load_of_path(const char *path)
{
    for (int kind = SWEEP_LOAD_NONE + 1; kind < SWEEP_LOAD_COUNT; kind++) {
        if (strcmp(path, sweep_load_path((enum sweep_load_kind)kind)) == 0)
            return (enum sweep_load_kind)kind;
    }
    return SWEEP_LOAD_NONE;
}

struct yaml_node *sweep_load_value(const struct sweep_load *load, double value, struct arena *arena)
{
    char text[32];
    const char *units = sweep_load_value_kind(load->kind) == SWEEP_VALUE_RATE ? " /s" : "";
    (void)snprintf(text, sizeof(text), "%.10g%s", value, units);
    return yaml_node_new_scalar(arena, load->position, text);
}
