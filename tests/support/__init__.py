"""What several tests and the benchmark scripts share."""
