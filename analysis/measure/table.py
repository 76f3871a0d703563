"""The CSVs that `tandem calibrate` reads: `#` lines that name the source, a header, rows."""

import csv
import datetime
from pathlib import Path

KERNEL_COLUMNS = ["op", "dtype", "m", "n", "k", "batch", "heads", "kv_heads", "q_len", "ctx",
                  "time_us"]
COLLECTIVE_COLUMNS = ["op", "ranks", "bytes", "p2p", "graph", "time_us"]


def source(script):
    """Who measured, on what, when: a line for a table's head."""
    import torch  # here, so that what needs no GPU needs no torch
    nccl = ".".join(str(part) for part in torch.cuda.nccl.version())
    return (f"analysis/measure/{script} on {torch.cuda.get_device_name(0)}, torch "
            f"{torch.__version__}, CUDA {torch.version.cuda}, NCCL {nccl}, "
            f"{datetime.date.today()}")


def write(path, title, source_text, columns, rows):
    """Writes `rows`, mappings from columns to values; a column that a row lacks stays empty."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {title}\n# Source: {source_text}.\n")
        lines = csv.DictWriter(file, columns, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    print(f"{path}: {len(rows)} rows", flush=True)
