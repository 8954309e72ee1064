"""What artifacts refer to: one module for each kind of place, and `registry`, which chooses among them.

No package of a cloud is imported before something of it is asked for.
"""
