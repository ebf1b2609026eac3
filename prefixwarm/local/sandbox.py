"""Builds Lambda's file system in fresh namespaces, then becomes the emulator.

`prefixwarm.local.emulator` starts it as a script with one JSON argument; standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)

# From <sys/mount.h>, <sys/prctl.h>, <linux/sockios.h> and <linux/if.h>.
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 1, 2, 4, 8, 32
_NOATIME, _NODIRATIME, _BIND, _REC, _RELATIME = 1024, 2048, 4096, 16384, 1 << 21
_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "etc")
_DEVICES = ("null", "zero", "full", "random", "urandom")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    failed = _LIBC.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"mount {source} on {target}")


def _bind(source: str, target: str) -> None:
    """Bind read-only, with the flags that a user namespace may not drop."""
    _mount(source, target, "", _BIND | _REC)
    locked_flags = os.statvfs(target).f_flag & (_NOSUID | _NODEV | _NOEXEC | _NOATIME | _NODIRATIME)
    relatime = 0 if locked_flags & _NOATIME else _RELATIME
    _mount("", target, "", _BIND | _REMOUNT | _RDONLY | locked_flags | relatime)


def _bind_folder(source: str, target: str) -> None:
    Path(target).mkdir(parents=True)
    _bind(source, target)


def _system(root: str) -> None:
    for name in _SYSTEM:
        source = Path("/", name)
        if source.is_symlink():
            Path(root, name).symlink_to(source.readlink())
        elif source.is_dir():
            _bind_folder(str(source), f"{root}/{name}")


def _devices(root: str) -> None:
    folder = Path(root, "dev")
    folder.mkdir()
    for name in _DEVICES:
        (folder / name).touch()
        _mount(f"/dev/{name}", str(folder / name), "", _BIND)
    for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
        (folder / name).symlink_to(f"/proc/self/fd{target}")


def _show_some(root: str, folder: str, programs: list[str] | None) -> None:
    """Fill `folder` with links to these programs; None for all but Python's."""
    original = f"/programs{folder}"
    _bind_folder(folder, root + original)
    _mount("tmpfs", root + folder, "tmpfs", _NOSUID | _NODEV, "mode=755")
    for entry in os.scandir(root + original):
        if entry.name in programs if programs else not entry.name.startswith("python"):
            # Copy links unchanged, because they may be relative to their place.
            target = Path(entry).readlink() if entry.is_symlink() else f"{original}/{entry.name}"
            Path(root + folder, entry.name).symlink_to(target)


def _file_system(spec: dict[str, Any]) -> None:
    root = spec["root"]
    _mount("tmpfs", root, "tmpfs", _NOSUID, "mode=755")
    _system(root)
    for source, target in spec["folders"]:
        _bind_folder(source, root + target)
    if spec["hides_python"]:
        for folder in ("/usr/bin", "/usr/local/bin"):
            _show_some(root, folder, spec["programs"])
    _devices(root)
    for name, flags, data in (("proc", 0, ""), ("tmp", _NOSUID | _NODEV, "mode=1777,size=512m")):
        Path(root, name).mkdir()
        _mount(name, f"{root}/{name}", "proc" if name == "proc" else "tmpfs", flags, data)
    Path(root, "rie").touch()
    _bind(spec["emulator"], f"{root}/rie")
    _mount("", root, "", _BIND | _REMOUNT | _RDONLY | _NOSUID)


def loopback_up() -> None:
    """Bring up the loopback interface of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as interface:
        fcntl.ioctl(interface, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _become(user: int | None) -> None:
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    # Changing the user clears this setting, and it must survive the exec.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_the_host() -> None:
    """Start a child that ends the emulator when our standard input closes."""
    if os.fork() == 0:
        os.read(0, 1)
        os.kill(1, signal.SIGTERM)
        os._exit(0)


def main() -> None:
    """Build the sandbox and replace this process with the emulator."""
    spec = json.loads(sys.argv[1])
    # The host's /proc is still mounted, so this is the host's process id.
    Path(spec["pid_file"]).write_text(str(Path("/proc/self").readlink()))
    if not spec["network"]:
        loopback_up()
    _file_system(spec)
    os.chroot(spec["root"])
    os.chdir("/var/task")
    _become(spec["user"])
    _end_with_the_host()
    os.execve("/rie", spec["arguments"], spec["env"])  # noqa: S606


if __name__ == "__main__":
    main()
