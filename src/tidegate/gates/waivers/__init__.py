"""Waivers: who accepted what, until when, and who may."""
