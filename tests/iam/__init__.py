"""IAM under the tests: what the transformed template allows, what the code calls, and that the two agree."""
