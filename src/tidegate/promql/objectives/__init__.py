"""Objectives of Sloth, Pyrra and OpenSLO, and the rules that they stand for."""
