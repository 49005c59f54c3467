"""The demo: starts the local stack and walks the whole journey, a line per step."""

from __future__ import annotations

import os
import sys
from threading import Event
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local import sample_district
from local.demo_steps import Journey, StepFailed
from local.processes import StackError
from local.stack import STACK_FILE, LocalStack, end_on_sigterm, running_stack

PICTURE_WIDTH = 108
"""Columns of the terminal that PICTURE draws; longer lines are wrapped there."""


def main() -> int:
    """Run the demo; return 0 when every step held. ONCE=1 ends it then, also on a terminal.

    PICTURE names a file into which the terminal is drawn as SVG.
    """
    end_on_sigterm()
    picture = os.environ.get("PICTURE")
    console = Console(highlight=False, record=picture is not None, width=PICTURE_WIDTH if picture else None)
    stays = console.is_terminal and not os.environ.get("ONCE")
    try:
        return _walk(console, picture, stays=stays)
    except KeyboardInterrupt:
        console.print("Ended: nothing of it runs any more.")
        return 0 if stays else 130
    except StackError as error:
        console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        return 1


def _walk(console: Console, picture: str | None, *, stays: bool) -> int:
    began = monotonic()
    with (
        console.status("Starting the local stack …") as status,
        LocalStack(
            say=lambda text: status.update(text),
            endpoint_port=os.environ.get("ENDPOINT_PORT"),
            web_port=os.environ.get("WEB_PORT"),
            stack_file=None if running_stack() else STACK_FILE,
        ) as stack,
    ):
        console.print(f"[green]✓[/] The local stack is up ({monotonic() - began:.0f} s)")
        journey = Journey(stack, sample_district.make())
        for number, step in enumerate(journey.steps(), 1):
            status.update(f"{step.title} …")
            try:
                result = step.run()
            except StepFailed as error:
                console.print(f"[red]✗ {number}. {step.title}[/]: {escape(str(error))}", soft_wrap=True)
                return 1
            _show(console, number, f"{step.title}: {escape(result)}", wraps=picture is not None)
        console.print(f"Every step held, after {monotonic() - began:.0f} s.")
        if picture:
            console.save_svg(picture, title="make demo")
        if stays:
            status.stop()
            show_what_is_left(console, journey.left_to_try())
            try:
                Event().wait()
            finally:
                status.start()
    return 0


def show_what_is_left(console: Console, left: list[tuple[str, list[str]]]) -> None:
    """Whom somebody may be now, with names, passwords and addresses: in lines that can be searched and copied whole."""
    console.print("\nNow it is your turn. Take a private window for each person; nothing leaves this machine.")
    for title, lines in left:
        console.print(f"\n[bold]{escape(title)}[/]")
        for line in lines:
            console.print(f"  {escape(line)}", soft_wrap=True)
    console.print("\nCtrl-C ends it.")


def _show(console: Console, number: int, line: str, *, wraps: bool) -> None:
    """One line for each step, so that it can be searched; a picture cannot be scrolled, so there it wraps."""
    if not wraps:
        console.print(f"[green]✓[/] {number:2}. {line}", soft_wrap=True)
        return
    row = Table.grid(padding=(0, 1))
    row.add_row("[green]✓[/]", f"{number:2}.", line)
    console.print(row)


if __name__ == "__main__":
    sys.exit(main())
