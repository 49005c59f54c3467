"""What people on call run, against the local stack when it is up, else against the stack that STACK_NAME names on AWS."""
