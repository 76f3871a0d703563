/*
 * cluster: nodes of GPUs and the links that join them, as a file under
 * configs/clusters describes them. topology.h turns it into a graph.
 */
#ifndef TANDEM_CLUSTER_H
#define TANDEM_CLUSTER_H

#include "gpu.h"
#include "link.h"

/* What several transfers at once make of the link that joins a GPU to others, NVLink or, where
   there is none, its PCIe slot; as a factor >= 1; 1 or less: nothing. Source:
   analysis/measure/share.py on H200s, tests/silicon/sharing.csv. */
struct contention {
    double bandwidth;       /* of the rate of one, what they get together */
    double send_latency;    /* of what a collective takes before its bytes, while others' leave */
    double receive_latency; /* the same while others' come */
};

struct cluster {
    char name[NAME_BYTES];
    struct gpu gpu;
    uint32_t nodes;
    uint32_t gpus_per_node;
    struct link_kind nvlink;        /* each GPU to its NVLink switch; absent in PCIe boxes */
    uint32_t gpus_per_nvlink_group; /* how many one switch or bridge joins; 0: all of a node */
    bool nvlink_reduces;            /* its switches add up and copy what GPUs send: NVLink SHARP */
    struct link_kind pcie;          /* each GPU to its PCIe switch, or its host bridge */
    uint32_t gpus_per_pcie_switch;  /* divides gpus_per_host_bridge; 0: there are no switches */
    struct link_kind pcie_uplink;   /* each PCIe switch to its host bridge */
    uint32_t gpus_per_host_bridge;  /* 1 to gpus_per_node: how many share one CPU socket */
    struct link_kind inter_socket;  /* between two host bridges of a node */
    struct link_kind host_memory;   /* each host bridge to its memory, which all that GPUs send
                                       their peers by PCIe crosses; absent: it does not */
    struct link_kind nic;           /* each NIC to its leaf; absent in single-node clusters */
    uint32_t nics_per_node;         /* GPUs share NICs evenly: GPU g uses NIC g * nics / gpus */
    uint32_t nodes_per_leaf;        /* 0: one switch that never blocks joins all nodes */
    bool rail_optimized;       /* the NICs i of nodes_per_leaf nodes share a leaf of their own */
    double oversubscription;   /* a leaf's NICs over its uplinks, >= 1; where there are leaves */
    double spine_latency_s;    /* from leaf to spine, and from spine to leaf */
    double collective_start_s; /* what any collective costs before its first byte moves */
    double simple_start_s;     /* what NCCL's Simple protocol costs on top; 0: nothing, and LL is
                                  never faster */
    struct contention contention;
    double host_staging_factor; /* >= 1: PCIe peers without peer access cross host memory, so
                                   each byte moves this many times; 1: peer access works */
};

#endif
