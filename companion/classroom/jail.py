"""What Linux offers to keep a process apart: namespaces, a root of its own, another user, limits, refused system calls.

Only the standard library is used, because the process that calls this serves student code. Every step raises `OSError`
where the system refuses it; nothing is skipped, so that a process which gets through is isolated.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
OWN_ROOT = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
OWN_PROCESSES = OWN_ROOT | CLONE_NEWPID
ANY_NAMESPACE = OWN_PROCESSES | CLONE_NEWCGROUP | CLONE_NEWUSER
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 0x40000, 2
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 1, 22, 38, 2
LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache")
"""Where shared libraries lie; nothing else of the system is shown to a submission."""
MAPPED = 4 << 30
"""Bytes of libraries that a submission may map beyond its memory."""
SCRATCH = "scratch"
"""The one folder a submission can write to. Not `/tmp`, in which an environment with its packages may lie."""
DEVICES = ("null", "zero", "urandom", "random")

# Calls that a submission has no use for: more namespaces and mounts, other processes, memory that no limit counts, the
# choice of a core (a neighbour has the other one), and the younger parts of the kernel. Per machine: their numbers.
REFUSED: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "ptrace": 101, "personality": 135, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166,
        "init_module": 175, "sched_setaffinity": 203, "add_key": 248, "request_key": 249, "keyctl": 250,
        "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "sched_setattr": 314,
        "memfd_create": 319, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsmount": 432, "mount_setattr": 442, "memfd_secret": 447,
        "shmget": 29, "semget": 64, "msgget": 68, "sched_setscheduler": 144,
    },
    "aarch64": {
        "ptrace": 117, "personality": 92, "pivot_root": 41, "chroot": 51, "mount": 40, "umount2": 39,
        "init_module": 105, "sched_setaffinity": 122, "add_key": 217, "request_key": 218, "keyctl": 219,
        "unshare": 97, "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "sched_setattr": 274,
        "memfd_create": 279, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsmount": 432, "mount_setattr": 442, "memfd_secret": 447,
        "shmget": 194, "semget": 190, "msgget": 186, "sched_setscheduler": 119,
    },
}  # fmt: skip
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _done(outcome: int, what: str) -> None:
    if outcome != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name, for new ones. Raises: OSError."""
    _done(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises: OSError."""
    _done(
        _libc().mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()),
        f"mount {target}",
    )


def build_root(root: Path, trees: Iterable[str], hidden: Iterable[str]) -> None:
    """In new namespaces, make `root` the root of the file system: the trees, read-only, at their own paths, no more.

    `hidden` paths within the trees become empty. `/proc` and the scratch space are empty until `enter` fills them.
    Raises: OSError.
    """
    unshare(OWN_ROOT)
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("none", str(root), "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=8k,mode=755")
    # Parents first: what lies in a tree that is already shown needs no mount of its own.
    for tree in sorted(trees, key=len):
        _show(root, Path(tree))
    for path in hidden:
        _hide(root, Path(path))
    for name in ("proc", "dev", SCRATCH):
        (root / name).mkdir(mode=0o755)
    for name in DEVICES:
        (root / "dev" / name).touch(mode=0o666)
        mount(f"/dev/{name}", str(root / "dev" / name), "", MS_BIND)
    os.chdir(root)
    _done(_libc().syscall(PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _done(_libc().umount2(b".", MNT_DETACH), "umount2")
    mount("none", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir("/")


def _show(root: Path, tree: Path) -> None:
    """Bind a tree, or a file, read-only; of a folder that others may not enter, each readable entry by itself."""
    target = root / tree.relative_to("/")
    if tree.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(os.readlink(tree))
        return
    if not tree.exists() or target.exists():
        return
    if tree.is_dir() and tree.stat().st_mode & 0o005 != 0o005:
        for entry in sorted(tree.iterdir()):
            if entry.is_symlink() or entry.stat().st_mode & 0o004:
                _show(root, entry)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if tree.is_dir():
        target.mkdir()
    else:
        target.touch()
    mount(str(tree), str(target), "", MS_BIND)
    mount("none", str(target), "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _hide(root: Path, path: Path) -> None:
    target = root / path.relative_to("/")
    if target.is_dir():
        mount("none", str(target), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=0,mode=000")
    elif target.exists():
        mount("/dev/null", str(target), "", MS_BIND)


def enter(*, user: int, core: int, limits: Mapping[str, int]) -> None:
    """As the first process of new namespaces: `/proc` and scratch space, then another user, the limits, the filter.

    `limits` has `memory` and `disk` and `file` in bytes, `processes`, `files` and `seconds` of processor time.
    Raises: OSError.
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    writable = f"size={limits['disk']},nr_inodes=2k,mode=700,uid={user},gid={user}"
    mount("none", f"/{SCRATCH}", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, writable)
    os.sched_setaffinity(0, {core})
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    _limit(limits)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    die_with_parent()  # not before: a change of user clears it
    _done(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    refuse_calls()
    os.umask(0o077)
    os.chdir(f"/{SCRATCH}")


def die_with_parent() -> None:
    """From now on this process is killed when the one that started it ends. Raises: OSError."""
    _done(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def _limit(limits: Mapping[str, int]) -> None:
    pages = [int(number) * resource.getpagesize() for number in Path("/proc/self/statm").read_text().split()]
    size, data = pages[0], pages[5]
    bounds = {
        # What a process writes to is bounded closely; libraries that it maps and never touches are not.
        resource.RLIMIT_DATA: data + limits["memory"],
        resource.RLIMIT_AS: size + limits["memory"] + MAPPED,
        resource.RLIMIT_FSIZE: limits["file"],
        resource.RLIMIT_NPROC: limits["processes"],
        resource.RLIMIT_NOFILE: limits["files"],
        resource.RLIMIT_CPU: limits["seconds"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


def refuse_calls() -> None:
    """From now on the calls of `REFUSED` fail in this process and its children. Raises: OSError."""
    program = filter_program(platform.machine())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    pointer = ctypes.create_string_buffer(header, len(header))
    _done(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(pointer), 0, 0), "prctl(seccomp)")


def filter_program(machine: str) -> bytes:
    """The filter as instructions of classic BPF: 8 bytes each, a program for this kind of machine.

    Raises: OSError for a machine whose numbers are not known.
    """
    if machine not in REFUSED:
        raise OSError(errno.ENOTSUP, f"no system call numbers for {machine}")
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, refuse, unknown = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    step = struct.Struct("HBBI")
    numbers = sorted(REFUSED[machine].values())
    lines = [(load, 0, 0, 4), (equal, 1, 0, ARCHITECTURE[machine]), (answer, 0, 0, kill), (load, 0, 0, 0)]
    # The second set of numbers that x86-64 has for the same calls.
    lines += [(at_least, 0, 1, 0x40000000), (answer, 0, 0, refuse)]
    # clone3 hides its flags in memory, where a filter cannot look; without it the C library uses clone.
    lines += [(equal, 0, 1, CLONE3), (answer, 0, 0, unknown)]
    for number in numbers:
        lines += [(equal, 0, 1, number), (answer, 0, 0, refuse)]
    lines += [(equal, 0, 3, CLONE[machine]), (load, 0, 0, 16), (any_bit, 0, 1, ANY_NAMESPACE), (answer, 0, 0, refuse)]
    lines += [(answer, 0, 0, allow)]
    return b"".join(step.pack(*line) for line in lines)
