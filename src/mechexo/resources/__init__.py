"""What this machine has left: samples of it with an hour of history, and plots of a Prometheus."""
