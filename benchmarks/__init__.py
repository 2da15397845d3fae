"""Measurements that anyone can rerun; each module is a command with --json. Nothing here runs in the tests."""
