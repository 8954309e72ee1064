"""The run comparer: media of several runs beside one another, as JSON over HTTP.

What is pure comes first: `selection` (which metrics), `tracks` (which steps), `comparison` (answers). They ask a
`source`, of which there are two: the server's own, over its services, and `remote`, over any server of the protocol.
`router` speaks HTTP for either. The contract is docs/reference/compare.md.

The server imports everything here but `remote` and `alone`, so nothing else here imports the client.
"""
