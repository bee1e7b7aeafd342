"""Rules and open alerts as Prometheus's clients ask for them."""
