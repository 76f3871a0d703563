#include "plan.h"

#include <stdio.h>
#include <string.h>

size_t plan_engine_count(const struct plan *plan)
{
    size_t count = 1;
    for (size_t i = 0; i < plan->axis_count; i++)
        count *= plan->axes[i].count;
    return count;
}

struct yaml_node *plan_engine_value(const struct plan *plan, size_t engine, size_t axis)
{
    for (size_t i = plan->axis_count - 1; i > axis; i--)
        engine /= plan->axes[i].count;
    return plan->axes[axis].values[engine % plan->axes[axis].count];
}

void plan_engine_name(const struct plan *plan, size_t engine, char name[PLAN_ENGINE_NAME_BYTES])
{
    size_t length = 0;
    name[0] = '\0';
    for (size_t i = 0; i < plan->axis_count && length < PLAN_ENGINE_NAME_BYTES; i++) {
        const char *key = strchr(plan->axes[i].path, '.') + 1;
        length +=
            (size_t)snprintf(name + length, PLAN_ENGINE_NAME_BYTES - length, "%s%s %s",
                             i > 0 ? ", " : "", key, plan_engine_value(plan, engine, i)->text);
    }
}
