"""The speed of costs, measured against other ways of computing them in the same run."""
