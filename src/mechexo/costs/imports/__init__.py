"""Reading what brokers hand out: one file per format, and the store of imported fills."""
