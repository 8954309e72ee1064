"""REST under ``/api/v1``, for the web page and for scripts. The contract is docs/reference/rest.md."""
