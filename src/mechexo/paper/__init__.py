"""The paper desk: a simulated market and its faults in real files, databases and endpoints."""
