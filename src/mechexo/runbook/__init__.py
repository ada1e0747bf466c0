"""The runbook: parse, find, export."""
