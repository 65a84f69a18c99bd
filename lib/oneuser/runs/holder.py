"""Who holds a lease: a process, so named that another one can tell whether it is still alive."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def holder_name() -> str:
    """This process: host, process and its start, and where they can be told, boot and namespace of its number."""
    start = f"{psutil.Process().create_time():.2f}"
    return "/".join(part for part in (socket.gethostname(), str(os.getpid()), start, _place()) if part)


def is_gone(holder: str) -> bool:
    """Whether the holder ran in this place and its process has ended; a holder elsewhere is never known to be gone.

    A place is more than the name of a host, which containers may share, and machines: a process can be looked for by
    its number only since the same boot and in the same namespace. What is said of none, as names were before and are
    where neither can be told, is another place than one that has both.
    """
    host, pid, started, *rest = holder.split("/")
    if host != socket.gethostname() or rest != [place for place in (_place(),) if place]:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or f"{process.create_time():.2f}" != started
    return True


def _place() -> str:
    """The boot of this machine and the namespace of process numbers, such as `958f073e-4026531836`; else nothing."""
    with contextlib.suppress(OSError):
        boot, namespace = _BOOT.read_text(encoding="ascii").strip(), _NAMESPACE.stat().st_ino
        return f"{boot.partition('-')[0]}-{namespace}"
    return ""
