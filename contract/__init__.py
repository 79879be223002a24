"""What the program, its functions and its commands agree on: pure data, with nothing of AWS or Pulumi in it."""
