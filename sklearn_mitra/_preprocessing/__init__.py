"""Encoding of raw tables, selection of support rows, and chunks of query rows."""
