#include "sweep_reader.h"

#include "config_limits.h"
#include "config_reader.h"
#include "spelling.h"
#include "sweep_value.h"

#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 16)
#define PATH_BYTES_MAX 256
#define CURVE_POINTS 12
#define DELETE '\x7f'

static void out_of_memory(struct sweep *sweep)
{
    diagnostics_add_out_of_memory(&sweep->diagnostics);
}

static void *take(struct sweep *sweep, size_t count, size_t item_bytes)
{
    void *items = arena_calloc(&sweep->arena, count, item_bytes);
    if (!items)
        out_of_memory(sweep);
    return items;
}

/* Whether `node` is a list or mapping, as `kind` says, that holds something. */
static bool is_filled(struct sweep *sweep, const struct yaml_node *node, enum yaml_kind kind,
                      const char *name)
{
    if (node->kind == kind && node->entry_count > 0)
        return true;
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(&sweep->diagnostics, node->position, "'%.60s' must be %s, not %s", name,
                    kind == YAML_KIND_MAPPING ? "a mapping" : "a list of values",
                    node->kind == kind ? "an empty one" : config_value_describe(node, description));
    return false;
}

static bool sets_path(const struct sweep_axis *axis, const char *path)
{
    for (size_t i = 0; i < axis->place_count; i++) {
        for (size_t k = 0; k < axis->places[i].setting_count; k++) {
            if (strcmp(axis->places[i].settings[k].path, path) == 0)
                return true;
        }
    }
    return false;
}

/* Notes a key that axis number `axis` sets; one before it must not set it too. */
static void add_path(struct sweep *sweep, size_t axis, const char *path, struct position position)
{
    struct diagnostics *diagnostics = &sweep->diagnostics;
    for (size_t i = 0; i < axis; i++) {
        if (sets_path(&sweep->axes[i], path))
            diagnostics_add(diagnostics, position, "'%.60s' is set by two axes", path);
    }
    if (spelling_is_one_of(path, sweep->paths, sweep->path_count))
        return;
    if (strlen(path) > PATH_BYTES_MAX)
        diagnostics_add(diagnostics, position, "a key longer than %d bytes", PATH_BYTES_MAX);
    else if (sweep->path_count == SWEEP_SETTINGS_MAX)
        diagnostics_add(diagnostics, position, "more than %d keys that vary", SWEEP_SETTINGS_MAX);
    else
        sweep->paths[sweep->path_count++] = path;
}

/* A new axis of `places` places; NULL where it cannot be had. */
static struct sweep_axis *add_axis(struct sweep *sweep, const struct yaml_node *node, size_t places)
{
    if (sweep->axis_count == SWEEP_AXES_MAX) {
        diagnostics_add(&sweep->diagnostics, node->position, "more than %d axes", SWEEP_AXES_MAX);
        return NULL;
    }
    struct sweep_axis *axis = &sweep->axes[sweep->axis_count];
    axis->places = take(sweep, places, sizeof(*axis->places));
    if (!axis->places)
        return NULL;
    axis->place_count = places;
    sweep->axis_count++;
    return axis;
}

/* Names are those of groups in a file, and of rows and lines in what people read. */
static void check_name(struct sweep *sweep, const char *name, struct position position)
{
    bool has_control = false;
    for (const char *at = name; *at; at++)
        has_control |= (unsigned char)*at < ' ' || *at == DELETE;
    if (*name == '\0')
        diagnostics_add(&sweep->diagnostics, position, "a name must not be empty");
    else if (has_control)
        diagnostics_add(&sweep->diagnostics, position,
                        "a name must be on one line, without tabs or control characters");
}

/* One variant: its name and what it sets. */
static void read_variant(struct sweep *sweep, const struct yaml_entry *entry,
                         struct sweep_place *place)
{
    const struct yaml_node *node = entry->value;
    place->name = entry->key->text;
    check_name(sweep, place->name, entry->key->position);
    if (yaml_node_is_null(node))
        return;
    if (node->kind != YAML_KIND_MAPPING) {
        diagnostics_add(&sweep->diagnostics, node->position,
                        "a variant must be a mapping of keys to their values");
        return;
    }
    place->settings = take(sweep, node->entry_count + 1, sizeof(*place->settings));
    if (!place->settings)
        return;
    for (const struct yaml_entry *set = node->first; set; set = set->next) {
        add_path(sweep, 0, set->key->text, set->key->position);
        place->settings[place->setting_count++] =
            (struct config_setting){set->key->text, set->value, set->key->position};
    }
}

static void read_variants(struct sweep *sweep, const struct yaml_node *node)
{
    if (!node || !is_filled(sweep, node, YAML_KIND_MAPPING, "variants"))
        return;
    struct sweep_axis *axis = add_axis(sweep, node, node->entry_count);
    struct sweep_place *place = axis ? axis->places : NULL;
    sweep->has_variants = place != NULL;
    for (const struct yaml_entry *entry = node->first; entry && place; entry = entry->next)
        read_variant(sweep, entry, place++);
}

/* Gives the places of `axis` the values that `list` has for `key`, one each. */
static void add_values(struct sweep *sweep, struct sweep_axis *axis, const struct yaml_node *key,
                       const struct yaml_node *list)
{
    struct sweep_place *place = axis->places;
    for (const struct yaml_entry *item = list->first; item; item = item->next, place++)
        place->settings[place->setting_count++] =
            (struct config_setting){key->text, item->value, key->position};
    add_path(sweep, (size_t)(axis - sweep->axes), key->text, key->position);
}

/* An axis whose places each set `keys` keys. */
static struct sweep_axis *add_list_axis(struct sweep *sweep, const struct yaml_node *node,
                                        size_t places, size_t keys)
{
    struct sweep_axis *axis = add_axis(sweep, node, places);
    for (size_t i = 0; axis && i < places; i++) {
        axis->places[i].settings = take(sweep, keys, sizeof(*axis->places[i].settings));
        if (!axis->places[i].settings)
            return NULL;
    }
    return axis;
}

static void read_zip(struct sweep *sweep, const struct yaml_node *node)
{
    if (!node || !is_filled(sweep, node, YAML_KIND_MAPPING, "zip"))
        return;
    size_t length = node->first->value->entry_count;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (!is_filled(sweep, entry->value, YAML_KIND_SEQUENCE, entry->key->text))
            return;
        if (entry->value->entry_count != length) {
            diagnostics_add(&sweep->diagnostics, entry->value->position,
                            "lists under 'zip' go together: this one has %u values, the first %zu",
                            entry->value->entry_count, length);
            return;
        }
    }
    struct sweep_axis *axis = add_list_axis(sweep, node, length, node->entry_count);
    for (const struct yaml_entry *entry = node->first; axis && entry; entry = entry->next)
        add_values(sweep, axis, entry->key, entry->value);
}

static void read_listed_load(struct sweep *sweep, const struct yaml_entry *entry)
{
    struct sweep_load *load = &sweep->load;
    load->kind = sweep_load_of_path(entry->key->text);
    load->position = entry->key->position;
    load->listed = take(sweep, entry->value->entry_count, sizeof(struct yaml_node *));
    if (!load->listed)
        return;
    for (const struct yaml_entry *item = entry->value->first; item; item = item->next)
        load->listed[load->listed_count++] = item->value;
}

static void read_grid(struct sweep *sweep, const struct yaml_node *node)
{
    const struct yaml_entry *load = NULL;
    if (!node || !is_filled(sweep, node, YAML_KIND_MAPPING, "grid"))
        return;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (!is_filled(sweep, entry->value, YAML_KIND_SEQUENCE, entry->key->text))
            continue;
        sweep_value_refuse_twice(entry->value, entry->key->text, &sweep->diagnostics,
                                 &sweep->arena);
        if (!load && sweep_load_of_path(entry->key->text) != SWEEP_LOAD_NONE) {
            load = entry;
            continue;
        }
        struct sweep_axis *axis = add_list_axis(sweep, node, entry->value->entry_count, 1);
        if (axis)
            add_values(sweep, axis, entry->key, entry->value);
    }
    if (!load)
        return;
    read_listed_load(sweep, load);
    add_path(sweep, sweep->axis_count, load->key->text, load->key->position);
}

static void read_bound(struct config_reader *reader, const char *key, enum sweep_value kind,
                       double *value)
{
    uint32_t count;
    switch (kind) {
    case SWEEP_VALUE_RATE:
        config_read_quantity(reader, key, CONFIG_REQUIRED, QUANTITY_PER_S, CONFIG_RATE_PER_S_MIN,
                             CONFIG_RATE_PER_S_MAX, value);
        break;
    case SWEEP_VALUE_NUMBER:
        config_read_number(reader, key, CONFIG_REQUIRED, CONFIG_RATE_PER_S_MIN,
                           CONFIG_RATE_PER_S_MAX, value);
        break;
    case SWEEP_VALUE_COUNT:
        if (config_read_count(reader, key, CONFIG_REQUIRED, 1, INT32_MAX, &count))
            *value = count;
        break;
    }
}

/* The kind of load that `curves` names. */
static enum sweep_load_kind read_load_kind(struct config_reader *reader)
{
    static const char *const paths[] = {
#define X(name, path, title, units, value) path,
        SWEEP_LOADS(X)
#undef X
    };
    uint32_t count = ARRAY_LENGTH(paths);
    uint32_t index = config_read_choice(reader, "load", CONFIG_REQUIRED, paths, count, count);
    return index < count ? (enum sweep_load_kind)(index + 1) : SWEEP_LOAD_NONE;
}

static void read_curves(struct sweep *sweep, const struct yaml_node *node)
{
    if (!node)
        return;
    struct sweep_load *load = &sweep->load;
    struct sweep_curve *curve = &load->curve;
    struct config_reader reader;
    config_reader_open(&reader, &sweep->diagnostics, node, "curves");
    if (load->kind != SWEEP_LOAD_NONE)
        diagnostics_add(
            &sweep->diagnostics, node->position,
            "'curves' finds the loads that 'grid' lists for '%s': leave one of them out",
            sweep_load_path(load->kind));
    *load = (struct sweep_load){.kind = read_load_kind(&reader), .position = node->position};
    enum sweep_value kind = sweep_load_value_kind(load->kind);
    *curve = (struct sweep_curve){0, INFINITY, CURVE_POINTS, kind == SWEEP_VALUE_COUNT};
    if (load->kind == SWEEP_LOAD_NONE)
        config_reader_abandon(&reader);
    read_bound(&reader, "from", kind, &curve->from);
    read_bound(&reader, "to", kind, &curve->to);
    if (curve->to <= curve->from && reader.node)
        config_reader_report(&reader, "to", "'to' must be above 'from'");
    config_read_count(&reader, "points", CONFIG_OPTIONAL, SWEEP_CURVE_POINTS_MIN,
                      SWEEP_CURVE_POINTS_MAX, &curve->points);
    config_reader_close(&reader);
    if (load->kind != SWEEP_LOAD_NONE)
        add_path(sweep, sweep->axis_count, sweep_load_path(load->kind), node->position);
}

static void count_series(struct sweep *sweep, const struct yaml_node *root)
{
    const struct sweep_load *load = &sweep->load;
    size_t loads = load->listed_count > 0 ? load->listed_count : load->curve.points;
    size_t points = loads > 0 ? loads : 1;
    sweep->series_count = 1;
    for (size_t i = 0; i < sweep->axis_count && points <= SWEEP_POINTS_MAX; i++) {
        sweep->series_count *= sweep->axes[i].place_count;
        points *= sweep->axes[i].place_count;
    }
    if (points > SWEEP_POINTS_MAX)
        diagnostics_add(&sweep->diagnostics, root->position, "more than %d points",
                        SWEEP_POINTS_MAX);
}

static void read_name(struct sweep *sweep, struct config_reader *reader,
                      const struct yaml_node *root)
{
    if (!config_read_text(reader, "name", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &sweep->name))
        return;
    check_name(sweep, sweep->name, yaml_node_find(root, "name")->value->position);
    if (strchr(sweep->name, '/'))
        config_reader_report(reader, "name", "'name' is the output's too: it must have no '/'");
}

static void read_root(struct sweep *sweep, const struct yaml_node *root)
{
    struct config_reader reader;
    config_reader_open(&reader, &sweep->diagnostics, root, "sweep");
    read_name(sweep, &reader, root);
    config_read_text(&reader, "description", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &sweep->description);
    if (config_read_node(&reader, "scenario", CONFIG_REQUIRED))
        sweep->scenario = yaml_node_find(root, "scenario")->value;
    read_variants(sweep, config_read_node(&reader, "variants", CONFIG_OPTIONAL));
    read_zip(sweep, config_read_node(&reader, "zip", CONFIG_OPTIONAL));
    read_grid(sweep, config_read_node(&reader, "grid", CONFIG_OPTIONAL));
    read_curves(sweep, config_read_node(&reader, "curves", CONFIG_OPTIONAL));
    config_reader_close(&reader);
    if (reader.node)
        count_series(sweep, root);
}

/* The file's name without its folder and ending. */
static const char *name_of(struct sweep *sweep, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = arena_strdup(&sweep->arena, slash ? slash + 1 : path);
    if (!name)
        return NULL;
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
    return name;
}

int sweep_reader_load(struct sweep *sweep, const char *path, const char *const *search,
                      struct error *error)
{
    *sweep = (struct sweep){.name = NULL};
    diagnostics_init(&sweep->diagnostics);
    arena_init(&sweep->arena);
    struct config_loader loader = {
        .arena = &sweep->arena, .diagnostics = &sweep->diagnostics, .search = search};
    size_t bytes;
    int status = config_file_read(&loader, path, &sweep->text, &bytes, error);
    if (status < 0)
        return status;
    sweep->name = name_of(sweep, path);
    sweep->paths = take(sweep, SWEEP_SETTINGS_MAX, sizeof(*sweep->paths));
    const char *name = arena_strdup(&sweep->arena, path);
    struct source *source =
        name && sweep->name ? config_source_new(&loader, name, sweep->text, bytes) : NULL;
    if (!source || !sweep->paths) {
        out_of_memory(sweep);
        return diagnostics_to_error(&sweep->diagnostics, error);
    }
    const struct yaml_node *root =
        yaml_tree_parse(source, sweep->text, bytes, &sweep->arena, &sweep->diagnostics);
    if (root)
        read_root(sweep, root);
    return diagnostics_to_error(&sweep->diagnostics, error);
}
