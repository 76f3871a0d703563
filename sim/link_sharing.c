#include "link_sharing.h"

int link_sharing_init(struct link_sharing *sharing, enum link_policy policy, uint32_t link_count,
                      struct arena *arena, struct error *error)
{
    sharing->policy = policy;
    sharing->users = arena_calloc(arena, link_count, sizeof(*sharing->users));
    return sharing->users ? 0 : error_out_of_memory(error, "the links' users");
}

static void add_user(struct link_sharing *sharing, uint32_t link, uint32_t user)
{
    uint32_t *known = &sharing->users[link];
    if (*known != LINK_USERS_FAULTY && *known != user + 1)
        *known = *known == 0 ? user + 1 : LINK_USERS_MANY;
}

static void add_traffic(struct link_sharing *sharing, uint32_t user,
                        const struct link_traffic *traffic)
{
    for (uint32_t i = 0; i < traffic->crossings.count; i++)
        add_user(sharing, traffic->crossings.links[i].link, user);
}

void link_sharing_add_stage(struct link_sharing *sharing, uint32_t replica,
                            const struct link_meter *meter)
{
    bool apart = sharing->policy == LINK_POLICY_SHARED;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        add_traffic(sharing, 2 * replica, &meter->collectives[way]);
    add_traffic(sharing, 2 * replica + apart, &meter->sends);
}

void link_sharing_add_route(struct link_sharing *sharing, const struct route *route)
{
    for (uint32_t i = 0; i < route->link_count; i++)
        if (sharing->users[route->links[i]] != LINK_USERS_FAULTY)
            sharing->users[route->links[i]] = LINK_USERS_MANY;
}

void link_sharing_add_fault(struct link_sharing *sharing, uint32_t link)
{
    sharing->users[link] = LINK_USERS_FAULTY;
}

bool link_sharing_meets(const struct link_sharing *sharing, const struct link_traffic *traffic)
{
    bool meets_users = sharing->policy != LINK_POLICY_PRIVATE;
    for (uint32_t i = 0; i < traffic->crossings.count; i++) {
        uint32_t user = sharing->users[traffic->crossings.links[i].link];
        if (user == LINK_USERS_FAULTY || (meets_users && user == LINK_USERS_MANY))
            return true;
    }
    return false;
}

bool link_sharing_collectives_meet(const struct link_sharing *sharing,
                                   const struct link_meter *meter)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (link_sharing_meets(sharing, &meter->collectives[way]))
            return true;
    return false;
}
