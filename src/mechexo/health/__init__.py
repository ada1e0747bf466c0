"""Probes, cards and the uptime objective: is it all right?"""
