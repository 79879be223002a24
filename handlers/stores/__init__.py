"""The AWS adapters that handlers and operators share: each holds a boto3 client it was given and one place to write."""
