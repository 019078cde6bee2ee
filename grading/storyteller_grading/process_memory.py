"""How much memory a process and all that it has started take."""

import psutil


def memory_below(process: psutil.Process) -> int:
    """Bytes that a process and all below it hold; 0 when it has ended.

    On Linux a page that forks share is divided among them (PSS), so that it counts once. Elsewhere only what each has
    for itself is counted (USS).
    """
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            held = member.memory_full_info()
        except psutil.Error:  # it ended just now
            continue
        total += getattr(held, "pss", held.uss)
    return total
