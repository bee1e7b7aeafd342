"""Environments of services: are the variables there that the schema asks for, of their type, and in each environment?

Only the standard library and the command line's own: it runs where the variables are, which no server sees.
"""
