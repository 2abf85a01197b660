"""Settings of the C library that decide a third of the time of a training step.

A step allocates some hundred arrays of about a megabyte and frees them again. By default the GNU C
library hands such memory back to the operating system at once, and the next step gets it back page
by page, each page zeroed anew. A thread would have an arena of its own, which gives memory back
whatever the other settings say: all threads are to share one.
"""

import ctypes

# names and values of <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_MMAP_THRESHOLD = 32 << 20  # bytes; the library refuses more
NEVER_TRIM = (1 << 31) - 1  # bytes; the largest value of a C int


def keep_freed_memory() -> bool:
    """Let this process reuse the memory that it frees, instead of returning it.

    Returns:
        Whether the C library knows the setting; on other systems nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    settings = (
        (M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD),
        (M_TRIM_THRESHOLD, NEVER_TRIM),
        (M_ARENA_MAX, 1),
    )
    return all(mallopt(*setting) == 1 for setting in settings)
