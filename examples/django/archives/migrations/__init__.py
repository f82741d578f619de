"""Migrations of the archives."""
