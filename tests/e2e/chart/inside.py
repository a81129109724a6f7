"""From the inside of a pod: builds the container's root of what it is told, gives up root, becomes the command.

    unshare --net --mount --pid --fork --kill-child python inside.py PLAN.json      # then a line on standard input

Only the standard library: it runs before there is anything else. The plan (`node.py` writes it) says what is bound where. The root itself
is an empty tmpfs with the programs of this machine, read only; so nothing of the machine is seen that an image would not have.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "localtime", "protocols", "services", "ca-certificates")
NO_NEW_PRIVS = 38


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def bind(source: Path, target: Path, *, read_only: bool) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", str(source), str(target))
    if read_only:
        mount("-o", "remount,bind,ro", str(target))


def build(root: Path, plan: dict) -> None:
    """The root, with everything that the plan names."""
    mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(root))
    for name in SYSTEM:
        here = Path("/") / name
        if here.is_symlink():
            (root / name).symlink_to(here.readlink())
        elif here.is_dir():
            bind(here, root / name, read_only=True)
    (root / "etc").mkdir()
    for name in ETC:
        here = Path("/etc") / name
        if here.is_dir():
            bind(here, root / "etc" / name, read_only=True)
        elif here.exists():
            shutil.copy(here.resolve(), root / "etc" / name)
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/usr/sbin/nologin\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text(plan["hosts"])
    (root / "etc/resolv.conf").write_text(f"nameserver {plan['dns']}\noptions ndots:1 attempts:2 timeout:2\n" if plan["dns"] else "")
    for source in plan["programs"]:
        bind(Path(source), root / source.lstrip("/"), read_only=True)
    (root / "dev").mkdir()
    for name in ("null", "zero", "full", "random", "urandom"):
        bind(Path("/dev") / name, root / "dev" / name, read_only=False)
    (root / "dev/shm").mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777,size=64m", "tmpfs", str(root / "dev/shm"))
    for name in ("proc", "tmp", "var/lib", "run"):
        (root / name).mkdir(parents=True)
    mount("-t", "proc", "proc", str(root / "proc"))
    for source, target, read_only in sorted(plan["mounts"], key=lambda one: one[1]):
        bind(Path(source), root / target.lstrip("/"), read_only=read_only)
    if plan["read_only_root"]:
        mount("-o", "remount,ro", str(root))


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    assert sys.stdin.readline() == "go\n"  # the network is laid from outside
    root = Path(plan["root"])
    build(root, plan)
    os.chroot(root)
    os.chdir("/")
    os.setgroups([plan["fs_group"]])
    os.setgid(plan["gid"])
    os.setuid(plan["uid"])
    ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    nowhere = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.execvpe(plan["words"][0], plan["words"], plan["environment"])


if __name__ == "__main__":
    main()
