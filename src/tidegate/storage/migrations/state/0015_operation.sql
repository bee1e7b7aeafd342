-- Rotating the key of credentials: a token that is used goes over to the current key, and the old key can be retired.
GRANT UPDATE (hash, key_name) ON tokens TO tidegate_serving;
