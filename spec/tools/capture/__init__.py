"""Capture vectors: drive a real, pinned Celery against private brokers and write down what crossed the wire."""
