"""Alerts of tidegate's own rules, sent to Alertmanagers that a workspace names (API v2), as Prometheus sends its own.

Contract: what fires is sent as soon as it does and again each minute with an end four minutes ahead, so that nothing
fires there for ever when nobody sends any more; what is over is sent as over for a quarter of an hour. Nothing is
remembered but the alerts themselves: a process that dies has lost nothing. What other tools pushed here is not sent
on: two that send to each other would keep it alive for ever.
"""
