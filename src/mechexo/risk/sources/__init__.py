"""The kinds of risk source, a file each."""
