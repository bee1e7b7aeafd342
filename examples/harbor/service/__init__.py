"""The service that is watched: sign-in, documents and assistant runs of three tenants. Binds loopback only."""
