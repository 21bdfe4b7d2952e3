"""Install a Debian package where this user may, with all output on stderr."""

import os
import shutil
import subprocess
import sys


def install_package(name: str) -> bool:
    """Install a package by apt; tell whether that worked."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        prefix = []
    elif shutil.which("sudo") and succeeds(["sudo", "-n", "true"]):
        prefix = ["sudo", "-n"]
    else:
        return False
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    succeeds([*apt, "update"])  # a failed update may still leave a usable list
    return succeeds([*apt, "install", "-y", "--no-install-recommends", name])


def succeeds(command: list[str]) -> bool:
    """Run a command with its output on stderr, so that stdout carries the answer alone."""
    try:
        return subprocess.run(command, stdout=sys.stderr, check=False, timeout=900).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return False
