"""Data that operators edit: ladders, policy, people, Prometheus; and the schemas that editors check them with."""
