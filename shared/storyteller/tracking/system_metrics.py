"""How busy the machine is, under the names that MLflow's page "System metrics" looks for."""

from pathlib import Path

import psutil
import torch

MEGABYTE = 1e6


def machine_metrics() -> dict[str, float]:
    """Load of processor, memory, disk and GPU; the processor's since the last call."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
    metrics = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system_memory_usage_percentage": memory.percent,
        "process_memory_usage_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
        "disk_usage_megabytes": disk.used / MEGABYTE,
        "disk_usage_percentage": disk.percent,
    }
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        metrics["gpu_0_memory_usage_megabytes"] = (total - free) / MEGABYTE
        metrics["gpu_0_memory_usage_percentage"] = 100 * (total - free) / total
    return {f"system/{name}": float(value) for name, value in metrics.items()}
