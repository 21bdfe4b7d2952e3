"""Find or install a Java for the tests that run Spark; ``python -m tests.java`` prints its path."""

import os
import shutil
from pathlib import Path

from tests.debian import install_package, succeeds

PACKAGE = "default-jre-headless"


def find() -> Path | None:
    """Return a Java that runs: that of JAVA_HOME, or one on PATH."""
    home = os.environ.get("JAVA_HOME")
    found = Path(home, "bin", "java") if home else Path(shutil.which("java") or "")
    return found if found.is_file() and succeeds([str(found), "-version"]) else None


def find_or_install() -> Path | None:
    """Return the path of a Java, installing Debian's where there is none, or None where that fails as well."""
    return find() or (find() if install_package(PACKAGE) else None)


if __name__ == "__main__":
    java = find_or_install()
    missing = f"No Java was found and none could be installed: install the package {PACKAGE!r} by hand."
    print(java or f"{missing} Tests that need Spark are skipped, or fail where CI is set.")
