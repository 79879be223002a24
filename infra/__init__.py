"""What exists in AWS: the components of the platform, one a module, and what they are configured and packed with."""
