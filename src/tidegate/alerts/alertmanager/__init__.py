"""Alertmanager's API, version 2: other tools push alerts here and ask as they would ask an Alertmanager."""
