"""The desk's Grafana: its dashboards, its panels as pictures, annotations written into it."""
