"""The version of this package. Written here, too, because asking the installation for it takes milliseconds."""

__version__ = "0.1.0"
