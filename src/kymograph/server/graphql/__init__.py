"""The GraphQL face of the server.

`schema/` holds the schema, one file per noun, written from the documents that clients of the protocol send; its
descriptions are the reference for what goes over the wire. The files together make one document: every noun extends
`Query` and `Mutation`, and the later systems (`registry`, `sweeps`, `launch`, `automations`, `views`) extend the types
of the earlier ones, which never name them. The resolvers beside it call the services, as the REST face does.
"""
