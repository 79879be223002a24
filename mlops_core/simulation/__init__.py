"""What the simulator is made of: the law of degradation, keyed randomness, a run's path, sensors and their faults."""
