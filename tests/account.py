"""The AWS account, Region and stack that tests name."""

REGION, ACCOUNT, STACK = "us-east-1", "123456789012", "account-linking"
STACK_ARN = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1"
PSEUDO_PARAMETERS = {
    "AWS::StackName": STACK,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackId": STACK_ARN,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
