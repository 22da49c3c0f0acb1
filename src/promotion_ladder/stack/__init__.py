"""The local stack: Temporal, Prometheus, the simulated platform and a worker as processes of this machine."""
