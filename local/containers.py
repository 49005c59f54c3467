"""Lambda's own container, for what is tried or measured in it."""

from __future__ import annotations

import subprocess

IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
"""With the runtime's Python, and a place for the runtime interface emulator."""


def engine_answers() -> bool:
    """Whether there is a container engine with Lambda's image, or one that may fetch it."""
    try:
        has_image = (
            subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=30).returncode == 0
        )
        return (
            has_image
            or subprocess.run(["docker", "pull", "-q", IMAGE], capture_output=True, timeout=300).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
