"""Connectors: rights requests in other people's SQL databases, described in the Fides dataset format.

`dataset` reads descriptions, `graph` plans, `masking` computes values (all pure); `sql` speaks to one database,
`engine` runs one request through all of them, `report` says what came out.
"""
