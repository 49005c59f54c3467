"""What SES tells of the mails it took, into the activation's state."""
