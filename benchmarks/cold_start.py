"""What a new worker of Lambda does, timed in a process of its own: ``PATHS MODULE``, events as JSON lines on standard input.

It runs without this repository's packages (``python -I -S -B``): it sees what the artifact, its layer and the runtime have, and
writes no bytecode. Without a module it is the floor: boto3 and one client.
"""

import json
import sys
from importlib import import_module
from time import perf_counter, process_time


class Context:
    """What Lambda hands over beside the event."""

    function_name = "start-up"
    memory_limit_in_mb = 1024
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:start-up"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def main() -> None:
    paths, *module = sys.argv[1:]
    events = [json.loads(line) for line in sys.stdin]
    before = set(sys.modules)
    answers, each_ms = [], []
    clock, began = perf_counter(), process_time()
    sys.path[:0] = paths.split(":")
    if module:
        handler = import_module(module[0]).lambda_handler
        ready = process_time()
        for event in events:
            # A browser sends back the cookies that it was given.
            cookies = [cookie.partition(";")[0] for answer in answers for cookie in answer.get("cookies", ())]
            began_event = process_time()
            answers.append(handler({**event, "cookies": cookies} if cookies else event, Context()))
            each_ms.append((process_time() - began_event) * 1000)
    else:
        import_module("boto3").client("dynamodb")
        ready = process_time()
    answered = process_time()
    clock = perf_counter() - clock
    from pathlib import Path  # what is measured imports it on its own account

    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))

    measured = {
        "ready_ms": (ready - began) * 1000,
        "answered_ms": (answered - began) * 1000,
        "each_ms": each_ms,
        "modules": sorted(set(sys.modules) - before),
        "clock_ms": clock * 1000,
        "memory_mb": int(peak.split()[1]) / 1024,
        "answers": answers,
    }
    # Log lines went to standard output, too; this is the last line of it.
    sys.stdout.write("\n" + json.dumps(measured, default=str) + "\n")


if __name__ == "__main__":
    main()
