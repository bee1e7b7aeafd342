"""A package by name: a library that installs one of the same name would hide a folder without this file."""
