"""The Lambda functions: one thin module each, their settings, and the stores that they write."""
