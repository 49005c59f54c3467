"""Records in activations what SES reports about their mails."""
