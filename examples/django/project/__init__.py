"""A small Django project that has archives made by a worker."""
