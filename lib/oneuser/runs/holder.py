"""Who holds a lease: a process, so named that another one can tell whether it is still alive."""

from __future__ import annotations

import contextlib
import os
import socket

import psutil


def holder_name() -> str:
    """This process: host, process and its start."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_gone(holder: str) -> bool:
    """Whether the holder ran on this host and its process has ended; a holder elsewhere is never known to be gone."""
    host, pid, started = holder.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or f"{process.create_time():.2f}" != started
    return True
