"""Stores: the only code that knows DynamoDB, S3, SQS, SES and EventBridge. One way to reach each outside service."""
