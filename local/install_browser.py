"""Find the browser of the tests, or install one, or fail and say how to get one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    "No Chromium was found and none could be installed. Install one (`apt-get install chromium`, or any Chrome), "
    "or set CHROMIUM to the path of yours."
)


def browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


def install() -> None:
    """Install Debian's package, where this user may."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print("Installing a browser …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
    ):
        subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    if not browser():
        install()
    if not browser():
        print(NO_BROWSER, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
