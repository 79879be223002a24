"""A soak of the platform on the embedded emulator: many messages, faults all the while, and books in the end."""
