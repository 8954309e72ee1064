"""The run comparer: media of several runs beside one another, as JSON over HTTP.

What is pure comes first: `selection` (which metrics), `tracks` (which steps), `comparison` (answers). They ask a
`source`, of which there are two: the server's own, over its services, and `remote`, over any server of the protocol.
`router` speaks HTTP for either. The contract is docs/reference/compare.md.

The program of its own is `alone`; where the server that it stands before has a comparer too, `passing` asks that one.

The server imports everything here but `remote`, `alone` and `passing`, so nothing else here imports the client.
"""
