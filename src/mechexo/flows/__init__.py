"""Flow runs: the wrapper for cron jobs, their history and performance."""
