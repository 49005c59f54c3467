"""One package per Lambda function; functions do not import each other."""
