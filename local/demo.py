"""The demo: starts the local stack and walks the whole journey, a line per step (``make demo``)."""

from __future__ import annotations

import os
import sys
from threading import Event
from time import monotonic

from rich.console import Console

from local import sample_district
from local.journey import Journey, StepFailed
from local.processes import StackError
from local.stack import STACK_FILE, LocalStack, end_on_sigterm, running_stack


def main() -> int:
    end_on_sigterm()
    picture = os.environ.get("PICTURE")
    console = Console(highlight=False, record=picture is not None, width=100 if picture else None)
    stays = console.is_terminal and not os.environ.get("ONCE")
    began = monotonic()
    try:
        stack_file = None if running_stack() else STACK_FILE
        with (
            console.status("Starting the local stack …") as status,
            LocalStack(
                say=lambda text: status.update(text),
                endpoint_port=os.environ.get("ENDPOINT_PORT"),
                web_port=os.environ.get("WEB_PORT"),
                stack_file=stack_file,
            ) as stack,
        ):
            console.print(f"[green]✓[/] The local stack is up ({monotonic() - began:.0f} s)")
            for number, step in enumerate(Journey(stack, sample_district.make()).steps(), 1):
                status.update(f"{step.title} …")
                try:
                    result = step.run()
                except StepFailed as error:
                    console.print(f"[red]✗ {number}. {step.title}[/]: {error}", soft_wrap=True, markup=True)
                    return 1
                console.print(f"[green]✓[/] {number:2}. {step.title}: {result}", soft_wrap=True)
            console.print(f"Every step held, after {monotonic() - began:.0f} s.")
            if picture:
                console.save_svg(picture, title="make demo")
            if stays:
                status.stop()
                console.print(
                    f"\nOpen  {stack.web_url}/sso/{sample_district.DISTRICT_ID}  (sign in as anybody of the roster)\n"
                    f"mail  {stack.mail_url}\nAWS   {stack.endpoint_url}\nCtrl-C ends it."
                )
                Event().wait()
    except KeyboardInterrupt:
        console.print("Ended.")
        return 0 if stays else 130
    except StackError as error:
        console.print(f"[red]{error}[/]", markup=True, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
