#include "config_portable.h"

#include "config_file.h"
#include "config_text.h"
#include "gpu_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct portable {
    struct config_loader loader;
    struct diagnostics diagnostics; /* none are expected: the files were found before */
};

/* What keys that name a file have after the name. */
static const char *const *suffixes_of(const char *key)
{
    static const char *const file[] = {"", NULL};
    if (key && strcmp(key, "file") == 0)
        return file;
    return key && strcmp(key, "measured") == 0 ? gpu_samples_tables : NULL;
}

/* Names the whole path `path` relative to the real `directory`, or to the one above it. */
static void name_relative(const char *path, const char *directory, char name[PORTABLE_NAME_BYTES])
{
    size_t bytes = strlen(directory);
    const char *slash = strrchr(directory, '/');
    if (strncmp(path, directory, bytes) == 0 && path[bytes] == '/')
        (void)snprintf(name, PORTABLE_NAME_BYTES, "%s", path + bytes + 1);
    else if (slash && strncmp(path, directory, (size_t)(slash - directory) + 1) == 0)
        (void)snprintf(name, PORTABLE_NAME_BYTES, "..%s", path + (slash - directory));
    else
        (void)snprintf(name, PORTABLE_NAME_BYTES, "%s", path);
}

void config_portable_name(const char *path, const char *configs, char name[PORTABLE_NAME_BYTES])
{
    char directory[PATH_MAX];
    if (realpath(configs, directory))
        name_relative(path, directory, name);
    else
        (void)snprintf(name, PORTABLE_NAME_BYTES, "%s", path);
}

/* The scalar `node` with the file that it names named so that it is found from anywhere. */
static struct yaml_node *name_file(struct portable *portable, const struct yaml_node *node,
                                   const char *const *suffixes)
{
    struct arena *arena = portable->loader.arena;
    char whole[PATH_MAX];
    char name[PORTABLE_NAME_BYTES];
    const char *const *search = portable->loader.search;
    const char *found = config_file_find(&portable->loader, node->position, node->text, suffixes);
    if (portable->diagnostics.is_out_of_memory)
        return NULL;
    if (!found || !realpath(found, whole))
        return yaml_node_copy(arena, node);
    if (*suffixes[0] != '\0')
        *strrchr(whole, '/') = '\0';
    config_portable_name(whole, search && *search ? *search : "", name);
    struct yaml_node *named = yaml_node_new_scalar(arena, node->position, name);
    if (named)
        named->is_plain = false; /* a path may hold what would end a plain scalar */
    return named;
}

/* A copy of the tree in which files have other names. */
static struct yaml_node *copy(struct portable *portable, const char *key,
                              const struct yaml_node *node)
{
    const char *const *suffixes = suffixes_of(key);
    if (node->kind == YAML_KIND_SCALAR && suffixes && !yaml_node_is_null(node))
        return name_file(portable, node, suffixes);
    struct yaml_node *made = yaml_node_copy(portable->loader.arena, node);
    for (struct yaml_entry *entry = made ? made->first : NULL; entry; entry = entry->next) {
        entry->value = copy(portable, entry->key ? entry->key->text : NULL, entry->value);
        if (!entry->value)
            return NULL;
    }
    return made;
}

const char *config_portable_text(struct arena *arena, const struct yaml_node *root,
                                 const char *const *search)
{
    struct portable portable = {.loader = {.arena = arena, .search = search}};
    portable.loader.diagnostics = &portable.diagnostics;
    diagnostics_init(&portable.diagnostics);
    const struct yaml_node *made = copy(&portable, NULL, root);
    return made ? config_text_write(arena, made) : NULL;
}
