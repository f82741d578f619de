"""The conformance suite of the Celery task message protocol: a runner, its cases and its witnesses."""
