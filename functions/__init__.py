"""One package per Lambda function; functions do not import each other."""

from shared.runtime.start_up import begin

begin()
