"""Places that bytes can be put: one module for each kind, and `registry`, which chooses among them.

Reading is done by the handlers of references (`kymograph.sdk.artifacts.references`): what is put here is found by any
client. No package of a cloud is imported before something of it is asked for.
"""
