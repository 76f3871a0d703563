/*
 * link: one direction of a cable, switch port or bus.
 */
#ifndef TANDEM_LINK_H
#define TANDEM_LINK_H

/* A kind of link as a cluster file gives it. bytes_per_s 0: the cluster has none. */
struct link_kind {
    double bytes_per_s; /* datasheet rate, one direction */
    double efficiency;  /* share of it that large transfers reach, in (0, 1] */
    double latency_s;   /* first byte, one traversal */
};

/* Alpha-beta model of a path: alpha_s once a message, then bytes_per_s. */
struct alpha_beta {
    double alpha_s;
    double bytes_per_s;
};

#endif
