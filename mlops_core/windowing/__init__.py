"""What windowed features are made of: mergeable moments, buckets' reduction, statistics, the dense feature table."""
