/*
 * gpu: what one kind of GPU can do. A plain specification; every number comes
 * from a file under configs/gpus that names its source.
 */
#ifndef TANDEM_GPU_H
#define TANDEM_GPU_H

#include "base.h"
#include "dtype.h"
#include "link.h"

#define NAME_BYTES 64

/* Shares of the peak that kernels reach, each in (0, 1]. */
struct gpu_efficiency {
    double gemm_compute;       /* large GEMMs, of flops_per_s */
    double gemm_memory;        /* GEMMs that stream weights, of memory_bytes_per_s */
    double attention_compute;  /* prefill attention, of the bf16 peak */
    double attention_memory;   /* decode attention, of memory_bytes_per_s */
    double elementwise_memory; /* norms, activations, RoPE, copies, of memory_bytes_per_s */
    double gemm_compute_fp8;   /* large GEMMs in fp8, of flops_per_s, */
    double gemm_compute_fp4;   /* and in fp4 */
};

/* What becomes of GEMMs that draw more power than the limit allows (power.h). */
struct power_capping {
    double slowdown; /* of hot work on a capped GPU; 1, or 0 where nothing is known: none */
    double delay_s;
    double release_s;
    double recovery_s;
    double busy_recovery_s;
};

/* A medium that collectives were measured over, as cluster.h has it. */
struct measured_medium {
    struct link_kind link;
    double start_s;
    double simple_start_s;
};

/* All media that a GPU's were measured over; bytes_per_s 0: none of that kind, or it is unknown. */
struct measured_links {
    struct measured_medium nvlink;
    struct measured_medium pcie;
    double host_staging_factor;   /* goes with pcie, */
    struct link_kind pcie_uplink; /* as do these three */
    struct link_kind inter_socket;
    struct link_kind host_memory;
};

struct gpu {
    char name[NAME_BYTES];
    double memory_bytes;
    double memory_bytes_per_s;
    double flops_per_s[DTYPE_COUNT]; /* dense tensor peak; 0: computes in bf16 after conversion */
    struct gpu_efficiency efficiency;
    double kernel_gap_s;      /* of a kernel beside its roofline; source: the GPU's file */
    double elementwise_gap_s; /* the same of norms, activations, RoPE and copies */
    double power_w;           /* board power; 0: unknown */
    double idle_power_w;      /* drawn while it waits for work; board power where that is unknown */
    struct power_capping power_capping;
    double usd_per_hour; /* list price to rent; 0: unknown */
    struct measured_links measured_links;
};

/* The rate at which tensor cores multiply operands of `dtype`: its own peak, or bf16's. */
static inline double gpu_flops_per_s(const struct gpu *gpu, enum dtype dtype)
{
    double peak = gpu->flops_per_s[dtype];
    return peak > 0 ? peak : gpu->flops_per_s[DTYPE_BF16];
}

/* The share of that rate which large GEMMs reach. */
static inline double gpu_gemm_compute(const struct gpu *gpu, enum dtype dtype)
{
    const struct gpu_efficiency *efficiency = &gpu->efficiency;
    return dtype == DTYPE_FP8   ? efficiency->gemm_compute_fp8
           : dtype == DTYPE_FP4 ? efficiency->gemm_compute_fp4
                                : efficiency->gemm_compute;
}

#endif
