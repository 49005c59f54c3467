"""What people on call run: ``python -m operations COMMAND``, against the local stack or one on AWS."""
