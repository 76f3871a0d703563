#include "fluid.h"

#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

namespace
{

const char *const arguments[] = {
    "fluid",
    "--cfg=network/model:CM02",
    "--cfg=network/crosstraffic:0",
    "--cfg=network/TCP-gamma:1e30",
    "--cfg=network/bandwidth-factor:1",
    "--cfg=network/latency-factor:1",
    "--cfg=network/weight-S:0",
    "--cfg=maxmin/precision:1e-9",
    "--cfg=surf/precision:1e-12",
    "--log=root.thres:warning",
};

/* Few hosts serve many flows: in a full zone, every ordered pair has a route of its own. */
struct host_pairs {
    std::vector<sg4::Host *> hosts;

    host_pairs(sg4::NetZone *zone, uint32_t flow_count)
    {
        size_t count = 2;
        while (count * (count - 1) < flow_count)
            count++;
        for (size_t i = 0; i < count; i++)
            hosts.push_back(zone->create_host("host" + std::to_string(i), 1e9));
    }

    sg4::Host *from(uint32_t flow) const
    {
        return hosts[flow / (hosts.size() - 1)];
    }

    sg4::Host *to(uint32_t flow) const
    {
        size_t from = flow / (hosts.size() - 1);
        size_t to = flow % (hosts.size() - 1);
        return hosts[to + (to >= from)];
    }
};

} // namespace

void fluid_play(const double *link_bytes_per_s, uint32_t link_count, const struct fluid_flow *flows,
                uint32_t flow_count, double latency_s, double *ends_s)
{
    std::vector<char *> argv;
    for (const char *argument : arguments)
        argv.push_back(const_cast<char *>(argument));
    int argc = static_cast<int>(argv.size());
    argv.push_back(nullptr);
    sg4::Engine engine(&argc, argv.data());
    sg4::NetZone *zone = sg4::create_full_zone("zone");
    host_pairs pairs(zone, flow_count);

    std::vector<double> link_latency_s(link_count, 0);
    for (uint32_t i = 0; i < flow_count; i++)
        link_latency_s[flows[i].links[0]] = latency_s;
    std::vector<const sg4::Link *> links;
    for (uint32_t i = 0; i < link_count; i++)
        links.push_back(zone->create_link("link" + std::to_string(i), link_bytes_per_s[i])
                            ->set_latency(link_latency_s[i])
                            ->seal());
    for (uint32_t i = 0; i < flow_count; i++) {
        std::vector<sg4::LinkInRoute> route;
        for (uint32_t hop = 0; hop < flows[i].link_count; hop++)
            route.emplace_back(links[flows[i].links[hop]]);
        zone->add_route(pairs.from(i)->get_netpoint(), pairs.to(i)->get_netpoint(), nullptr,
                        nullptr, route, false);
    }
    zone->seal();
    for (uint32_t first = 0; first < flow_count; first++) {
        if (flows[first].is_chained)
            continue;
        sg4::Actor::create("sender", pairs.from(first), [&pairs, flows, ends_s, first]() {
            sg4::this_actor::sleep_until(flows[first].start_s);
            for (uint32_t i = first;; i = flows[i].then) {
                sg4::Comm::sendto(pairs.from(i), pairs.to(i), flows[i].bytes);
                ends_s[i] = sg4::Engine::get_clock();
                if (flows[i].then == 0)
                    break;
            }
        });
    }
    engine.run();
}
