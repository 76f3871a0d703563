#include "config_gpu.h"

#include "config_limits.h"
#include "config_link.h"
#include "config_value.h"
#include "dtype_name.h"
#include "gpu_samples.h"

#include <stdio.h>
#include <string.h>

#define CAPPED_SLOWDOWN_MAX 10.0 /* a GPU's clock has no wider range */
#define RECOVERY_S_MIN 1e-6

static void read_peak(struct config_reader *parent, double flops_per_s[DTYPE_COUNT])
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, "peak", CONFIG_REQUIRED);
    for (uint32_t dtype = 0; dtype < DTYPE_COUNT; dtype++)
        config_read_quantity(&reader, dtype_names[dtype],
                             dtype == DTYPE_BF16 ? CONFIG_REQUIRED : CONFIG_OPTIONAL,
                             QUANTITY_FLOPS_PER_S, CONFIG_FLOPS_PER_S_MIN, CONFIG_FLOPS_PER_S_MAX,
                             &flops_per_s[dtype]);
    config_reader_close(&reader);
}

static void read_efficiency(struct config_reader *parent, struct gpu_efficiency *efficiency)
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, "efficiency", CONFIG_REQUIRED);
    config_read_ratio(&reader, "gemm_compute", CONFIG_REQUIRED, &efficiency->gemm_compute);
    efficiency->gemm_compute_fp8 = efficiency->gemm_compute_fp4 = efficiency->gemm_compute;
    config_read_ratio(&reader, "gemm_compute_fp8", CONFIG_OPTIONAL, &efficiency->gemm_compute_fp8);
    config_read_ratio(&reader, "gemm_compute_fp4", CONFIG_OPTIONAL, &efficiency->gemm_compute_fp4);
    config_read_ratio(&reader, "gemm_memory", CONFIG_REQUIRED, &efficiency->gemm_memory);
    config_read_ratio(&reader, "attention_compute", CONFIG_REQUIRED,
                      &efficiency->attention_compute);
    config_read_ratio(&reader, "attention_memory", CONFIG_REQUIRED, &efficiency->attention_memory);
    config_read_ratio(&reader, "elementwise_memory", CONFIG_REQUIRED,
                      &efficiency->elementwise_memory);
    config_reader_close(&reader);
}

static void read_measured_nvlink(struct config_reader *parent, struct measured_links *links)
{
    struct config_reader reader;
    if (!config_reader_has(parent, "nvlink"))
        return;
    config_reader_enter(&reader, parent, "nvlink", CONFIG_OPTIONAL);
    config_link_read_keys(&reader, &links->nvlink.link);
    config_link_read_starts(&reader, &links->nvlink.start_s, &links->nvlink.simple_start_s);
    config_reader_close(&reader);
}

static void read_measured_pcie(struct config_reader *parent, struct measured_links *links)
{
    struct config_reader reader;
    if (!config_reader_has(parent, "pcie")) {
        config_reader_refuse(parent, "pcie_uplink", "'measured_links' without 'pcie'");
        config_reader_refuse(parent, "inter_socket", "'measured_links' without 'pcie'");
        config_reader_refuse(parent, "host_memory", "'measured_links' without 'pcie'");
        return;
    }
    config_reader_enter(&reader, parent, "pcie", CONFIG_OPTIONAL);
    config_link_read_keys(&reader, &links->pcie.link);
    config_link_read_starts(&reader, &links->pcie.start_s, &links->pcie.simple_start_s);
    config_link_read_staging(&reader, &links->host_staging_factor);
    config_reader_close(&reader);
    config_link_read(parent, "pcie_uplink", CONFIG_OPTIONAL, &links->pcie_uplink);
    config_link_read(parent, "inter_socket", CONFIG_OPTIONAL, &links->inter_socket);
    config_link_read(parent, "host_memory", CONFIG_OPTIONAL, &links->host_memory);
}

static void read_measured_links(struct config_reader *parent, struct measured_links *links)
{
    struct config_reader reader;
    if (!config_reader_has(parent, "measured_links"))
        return;
    config_reader_enter(&reader, parent, "measured_links", CONFIG_OPTIONAL);
    read_measured_nvlink(&reader, links);
    read_measured_pcie(&reader, links);
    config_reader_close(&reader);
}

static void read_power_capping(struct config_reader *parent, struct power_capping *capping)
{
    struct config_reader reader;
    if (!config_reader_has(parent, "power_capping"))
        return;
    config_reader_enter(&reader, parent, "power_capping", CONFIG_OPTIONAL);
    config_read_number(&reader, "slowdown", CONFIG_REQUIRED, 1, CAPPED_SLOWDOWN_MAX,
                       &capping->slowdown);
    config_read_quantity(&reader, "delay", CONFIG_REQUIRED, QUANTITY_SECONDS, 0, CONFIG_COST_S_MAX,
                         &capping->delay_s);
    config_read_quantity(&reader, "release", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &capping->release_s);
    config_read_quantity(&reader, "recovery", CONFIG_REQUIRED, QUANTITY_SECONDS, RECOVERY_S_MIN,
                         CONFIG_COST_S_MAX, &capping->recovery_s);
    config_read_quantity(&reader, "busy_recovery", CONFIG_REQUIRED, QUANTITY_SECONDS,
                         RECOVERY_S_MIN, CONFIG_COST_S_MAX, &capping->busy_recovery_s);
    config_reader_close(&reader);
}

static void spare_file(struct config_loader *loader, struct position position, const char *folder,
                       const char *name)
{
    char path[FILENAME_MAX];
    (void)snprintf(path, sizeof(path), "%s%s", folder, name);
    config_file_spare(loader, position, path);
}

/* All that is read of the folder is no output. */
static void spare_tables(struct config_loader *loader, struct position position, const char *folder)
{
    if (!loader->outputs)
        return;
    spare_file(loader, position, folder, GPU_SAMPLES_GPU);
    for (const char *const *name = gpu_samples_tables; *name; name++)
        spare_file(loader, position, folder, *name);
    spare_file(loader, position, folder, GPU_SAMPLES_RESIDUALS);
}

/* The folder that `measured` names: one with a table in it. */
static const char *read_measured(struct config_loader *loader, struct config_reader *reader)
{
    static const char key[] = "measured";
    const struct yaml_node *node = config_read_node(reader, key, CONFIG_OPTIONAL);
    const char *name;
    if (!node || !config_value_text(loader->diagnostics, node, key, FILENAME_MAX, &name))
        return NULL;
    const char *table = config_file_find(loader, node->position, name, gpu_samples_tables);
    char *folder = table ? arena_strdup(loader->arena, table) : NULL;
    if (folder) {
        *strrchr(folder, '/') = '\0';
        spare_tables(loader, node->position, folder);
    } else if (table) {
        diagnostics_add_out_of_memory(loader->diagnostics);
    }
    return folder;
}

void config_gpu_read(struct config_loader *loader, const struct yaml_node *node, struct gpu *gpu,
                     const char **measured)
{
    struct config_reader reader;
    config_reader_open(&reader, loader->diagnostics, node, "gpu");
    config_read_name(&reader, gpu->name, sizeof(gpu->name));
    config_read_quantity(&reader, "memory", CONFIG_REQUIRED, QUANTITY_BYTES, CONFIG_BYTES_MIN,
                         CONFIG_BYTES_MAX, &gpu->memory_bytes);
    config_read_quantity(&reader, "memory_bandwidth", CONFIG_REQUIRED, QUANTITY_BYTES_PER_S,
                         CONFIG_BYTES_PER_S_MIN, CONFIG_BYTES_PER_S_MAX, &gpu->memory_bytes_per_s);
    read_peak(&reader, gpu->flops_per_s);
    read_efficiency(&reader, &gpu->efficiency);
    config_read_quantity(&reader, "kernel_gap", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &gpu->kernel_gap_s);
    gpu->elementwise_gap_s = gpu->kernel_gap_s;
    config_read_quantity(&reader, "elementwise_gap", CONFIG_OPTIONAL, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &gpu->elementwise_gap_s);
    config_read_quantity(&reader, "power", CONFIG_OPTIONAL, QUANTITY_WATTS, 0, CONFIG_POWER_W_MAX,
                         &gpu->power_w);
    gpu->idle_power_w = gpu->power_w;
    bool has_power = config_reader_has(&reader, "power");
    if (!has_power)
        config_reader_refuse(&reader, "idle_power", "a GPU without 'power'");
    config_read_quantity(&reader, "idle_power", CONFIG_OPTIONAL, QUANTITY_WATTS, 0,
                         has_power ? gpu->power_w : CONFIG_POWER_W_MAX, &gpu->idle_power_w);
    read_power_capping(&reader, &gpu->power_capping);
    config_read_quantity(&reader, "price", CONFIG_OPTIONAL, QUANTITY_USD_PER_HOUR,
                         CONFIG_USD_PER_HOUR_MIN, CONFIG_USD_PER_HOUR_MAX, &gpu->usd_per_hour);
    read_measured_links(&reader, &gpu->measured_links);
    if (measured)
        *measured = read_measured(loader, &reader);
    else
        (void)config_read_node(&reader, "measured", CONFIG_OPTIONAL);
    config_reader_close(&reader);
}
