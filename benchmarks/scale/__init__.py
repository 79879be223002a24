"""What the platform takes in CPU, memory and requests by the size of the fleet: the real handlers, in this process."""
